#include "tests/support/seeded.h"

#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <stdexcept>

#include "tests/support/npy.h"
#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {
namespace {

constexpr size_t kAlignment = 64;

weights::Config config_of(const std::string& variant, uint32_t classes) {
  weights::Config c{};
  c.classes = classes;
  c.side = 224;
  c.attention_ratio = 2;
  c.downsample_ratio = 4;
  c.mlp_ratio = 2;
  const auto set = [&c](const uint32_t(&dims)[3], uint32_t key, const uint32_t(&heads)[3],
                        const uint32_t(&depth)[3]) {
    std::memcpy(c.dims, dims, sizeof dims);
    std::memcpy(c.heads, heads, sizeof heads);
    std::memcpy(c.depth, depth, sizeof depth);
    c.key = key;
  };
  if (variant == "128s") {
    set({128, 256, 384}, 16, {4, 6, 8}, {2, 3, 4});
  } else if (variant == "128") {
    set({128, 256, 384}, 16, {4, 8, 12}, {4, 4, 4});
  } else if (variant == "192") {
    set({192, 288, 384}, 32, {3, 5, 6}, {4, 4, 4});
  } else if (variant == "256") {
    set({256, 384, 512}, 32, {4, 6, 8}, {4, 4, 4});
  } else if (variant == "384") {
    set({384, 512, 768}, 32, {6, 9, 12}, {4, 4, 4});
  } else if (variant == "tiny") {
    set({32, 48, 64}, 16, {2, 3, 4}, {1, 1, 1});
  } else if (variant == "micro") {
    set({16, 24, 32}, 8, {1, 2, 2}, {1, 1, 1});
  } else {
    throw std::runtime_error("no variant " + variant);
  }
  return c;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

double gain_of(const std::string& name, size_t dimensions, bool calm) {
  if (dimensions == 4) return name.rfind("stem.", 0) == 0 ? 1.3 : 1.0;
  if (contains(name, ".qkv.") || contains(name, ".kv.") || contains(name, ".q.")) return calm ? 0.6 : 1.6;
  if (contains(name, ".attn_downsample.proj.")) return calm ? 2.4 : 1.2;
  if (contains(name, ".proj.")) return calm ? 1.0 : 0.5;
  return contains(name, ".mlp.") ? 0.5 : 1.0;
}

// offset + scale * u of one tensor: the table of tests/data/model/README.md.
std::vector<float> seeded_tensor(const std::string& name, const std::vector<uint64_t>& shape, bool calm) {
  size_t count = 1, fan = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    count *= static_cast<size_t>(shape[i]);
    if (i > 0) fan *= static_cast<size_t>(shape[i]);
  }
  const std::string leaf = name.substr(name.rfind('.') + 1);
  double offset = 0, scale = 0.1;
  if (leaf == "weight" && shape.size() > 1) {
    scale = gain_of(name, shape.size(), calm) * std::sqrt(3.0 / static_cast<double>(fan));
  } else if (leaf == "weight") {
    offset = 1;
    scale = 0.25;
  } else if (leaf == "running_var") {
    offset = 1;
    scale = 0.5;
  } else if (leaf == "attention_biases") {
    scale = calm ? 15 : 5;
  }
  std::vector<float> values;
  values.reserve(count);
  for (const double u : uniform(name, count)) values.push_back(static_cast<float>(offset + scale * u));
  return values;
}

void expect_heads(const Seed& seed, uint64_t channels, std::vector<tools::Expected>* tensors) {
  const uint64_t classes = seed.classes;
  for (int i = 0; i < seed.heads; ++i) {
    const std::string head = i == 0 ? "head" : "head_dist";
    for (const char* vector : {"weight", "bias", "running_mean", "running_var"})
      tensors->push_back({head + ".bn." + vector, {channels}});
    tensors->push_back({head + ".linear.weight", {classes, channels}});
    tensors->push_back({head + ".linear.bias", {classes}});
  }
  if (seed.heads != 0) return;
  tensors->push_back({"conv_head.weight", {classes, channels}});
  tensors->push_back({"conv_head.bias", {classes}});
}

std::vector<uint8_t> seeded_image(const Seed& seed) {
  return tools::write_levit(seeded_fold(seed), seed.type);
}

size_t checked_arena(const levit_model* model, const levit_options& options) {
  size_t bytes = 0;
  const levit_status status = levit_arena_bytes(model, &options, &bytes);
  if (status != LEVIT_OK)
    throw std::runtime_error(std::string("levit_arena_bytes: ") + levit_status_name(status));
  return bytes;
}

}  // namespace

AlignedBytes::AlignedBytes(size_t bytes, uint8_t fill) : memory_(bytes + kAlignment, fill), size_(bytes) {
  offset_ = (kAlignment - reinterpret_cast<uintptr_t>(memory_.data()) % kAlignment) % kAlignment;
}

AlignedBytes::AlignedBytes(const std::vector<uint8_t>& bytes) : AlignedBytes(bytes.size()) {
  if (!bytes.empty()) std::memcpy(data(), bytes.data(), bytes.size());
}

tools::FoldedModel seeded_fold(const Seed& seed) {
  tools::Configuration configuration;
  configuration.config = config_of(seed.variant, seed.classes);
  std::vector<tools::Expected> tensors = tools::body_needs(configuration);
  expect_heads(seed, configuration.config.dims[2], &tensors);
  std::deque<std::vector<float>> values;
  tools::StateDict dict;
  for (const tools::Expected& tensor : tensors) {
    values.push_back(seeded_tensor(tensor.name, tensor.shape, seed.calm));
    dict[tensor.name] = tools::dense_tensor(tools::DType::kF32, tensor.shape, values.back().data());
  }
  return tools::fold(tools::find_checkpoint(dict));
}

OpenModel::OpenModel(const Seed& seed) : OpenModel(seeded_image(seed)) {}

OpenModel::OpenModel(const std::vector<uint8_t>& image) : image_(image) {
  const levit_status status = levit_open(image_.data(), image_.size(), &model_);
  if (status != LEVIT_OK) throw std::runtime_error(std::string("levit_open: ") + levit_status_name(status));
}

levit_info OpenModel::info() const {
  levit_info info{};
  info.size = sizeof info;
  levit_model_info(model_, &info);
  return info;
}

OpenContext::OpenContext(const levit_model* model, const levit_options& options, uint8_t fill)
    : arena_(checked_arena(model, options), fill) {
  const levit_status status = levit_create(model, &options, arena_.data(), arena_.size(), &context_);
  if (status != LEVIT_OK) throw std::runtime_error(std::string("levit_create: ") + levit_status_name(status));
}

levit_options options_with(uint32_t features, uint32_t batch, const char* target) {
  levit_options options = levit_default_options();
  options.features = features;
  options.batch = batch;
  options.target = target;
  return options;
}

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (size_t i = 0; levit_target_name(i) != nullptr; ++i) names.emplace_back(levit_target_name(i));
  return names;
}

const float* background_at(void* all, size_t index) {
  return static_cast<const float*>(all) + index * kPixels;
}

std::vector<float> seeded_input(size_t batch, const std::string& name) {
  std::vector<float> values;
  values.reserve(batch * 3 * 224 * 224);
  for (const double u : uniform(name, batch * 3 * 224 * 224)) values.push_back(static_cast<float>(2 * u));
  return values;
}

}  // namespace levit::tests
