// Sizes are elected by all tensors that depend on them: a checkpoint with one wrong tensor must be told that
// this tensor is wrong, not that a hundred others are.
#include "tools/checkpoint/configuration.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/checkpoint/families.h"
#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

constexpr uint64_t kLargestSize =
    1u << 20;  // beyond any LeViT; products of a few sizes stay far from 64 bits
constexpr uint32_t kAttentionRatio = 2, kDownsampleRatio = 4, kMlpRatio = 2;

// One size, elected by the tensors that depend on it; the first of the most frequent values wins.
class Election {
 public:
  void vote(uint64_t value) {
    if (value == 0 || value > kLargestSize) return;
    for (auto& candidate : candidates_) {
      if (candidate.value == value) {
        ++candidate.votes;
        return;
      }
    }
    candidates_.push_back({value, 1});
  }

  // A vote for value / divisor; a value that is not a multiple has none.
  void vote_share(uint64_t value, uint64_t divisor) {
    if (divisor != 0 && value % divisor == 0) vote(value / divisor);
  }

  // 0 if nobody voted.
  uint32_t winner() const {
    const auto best = std::max_element(candidates_.begin(), candidates_.end(),
                                       [](const auto& a, const auto& b) { return a.votes < b.votes; });
    return best == candidates_.end() ? 0 : static_cast<uint32_t>(best->value);
  }

 private:
  struct Candidate {
    uint64_t value;
    int votes;
  };
  std::vector<Candidate> candidates_;
};

// Size of dimension d of a tensor; 0 if there is none.
uint64_t size_of(const StateDict& dict, const std::string& name, size_t d) {
  const auto found = dict.find(name);
  return found == dict.end() || d >= found->second.shape.size() ? 0 : found->second.shape[d];
}

std::string stage_prefix(size_t stage) {
  return "stages." + std::to_string(stage);
}

std::string block_prefix(size_t stage, uint32_t block) {
  return stage_prefix(stage) + ".blocks." + std::to_string(block);
}

void infer_dims(const StateDict& dict, weights::Config* config) {
  for (size_t stage = 0; stage < weights::kStages; ++stage) {
    Election dim;
    for (uint32_t block = 0; block < config->depth[stage]; ++block) {
      const std::string prefix = block_prefix(stage, block);
      dim.vote(size_of(dict, prefix + ".attn.qkv.linear.weight", 1));
      dim.vote(size_of(dict, prefix + ".attn.proj.ln.linear.weight", 0));
      dim.vote(size_of(dict, prefix + ".mlp.ln1.linear.weight", 1));
      dim.vote(size_of(dict, prefix + ".mlp.ln2.linear.weight", 0));
    }
    config->dims[stage] = dim.winner();
  }
}

// From the downsamplings, whose number of heads their bias tables tell.
void infer_key(const StateDict& dict, weights::Config* config) {
  Election key;
  for (size_t stage = 1; stage < weights::kStages; ++stage) {
    const std::string prefix = stage_prefix(stage) + ".downsample.attn_downsample";
    const uint64_t heads = size_of(dict, prefix + ".attention_biases", 0);
    key.vote_share(config->dims[stage - 1], heads);
    key.vote_share(size_of(dict, prefix + ".q.ln.linear.weight", 0), heads);
    if (heads <= kLargestSize)
      key.vote_share(size_of(dict, prefix + ".kv.linear.weight", 0), heads * (1 + kDownsampleRatio));
  }
  config->key = key.winner();
}

void infer_heads(const StateDict& dict, weights::Config* config) {
  for (size_t stage = 0; stage < weights::kStages; ++stage) {
    Election heads;
    for (uint32_t block = 0; block < config->depth[stage]; ++block) {
      const std::string prefix = block_prefix(stage, block) + ".attn";
      heads.vote(size_of(dict, prefix + ".attention_biases", 0));
      heads.vote_share(size_of(dict, prefix + ".qkv.linear.weight", 0),
                       uint64_t{config->key} * (2 + kAttentionRatio));
      heads.vote_share(size_of(dict, prefix + ".proj.ln.linear.weight", 1),
                       uint64_t{config->key} * kAttentionRatio);
    }
    config->heads[stage] = heads.winner();
  }
}

// Published or registered shapes that need what this library does not have.
struct Unsupported {
  const char* name;
  uint32_t dims[3], key, heads[3], depth[3];
};
constexpr Unsupported kSilu[] = {{"levit_512", {512, 768, 1024}, 64, {8, 12, 16}, {4, 4, 4}},
                                 {"levit_256d", {256, 384, 512}, 32, {4, 6, 8}, {4, 8, 6}},
                                 {"levit_512d", {512, 640, 768}, 64, {8, 10, 12}, {4, 8, 6}}};

void refuse_unsupported(const StateDict& dict, const weights::Config& config) {
  if (size_of(dict, "stem.conv4.linear.weight", 0) == 0 && config.dims[0] != 0 &&
      size_of(dict, "stem.conv3.linear.weight", 0) == config.dims[0]) {
    const char* name = config.dims[0] == 384   ? "levit_384_s8"
                       : config.dims[0] == 512 ? "levit_512_s8"
                                               : "a stride-8 LeViT";
    throw std::runtime_error(std::string(name) +
                             ": a stem of three convolutions (stride 8) is not supported");
  }
  for (const Unsupported& variant : kSilu) {
    if (std::equal(variant.dims, variant.dims + 3, config.dims) && variant.key == config.key &&
        std::equal(variant.heads, variant.heads + 3, config.heads) &&
        std::equal(variant.depth, variant.depth + 3, config.depth)) {
      throw std::runtime_error(std::string(variant.name) + ": its activation, SiLU, is not supported");
    }
  }
}

std::string triple(const uint32_t* values) {
  char text[64];
  std::snprintf(text, sizeof text, "%u,%u,%u", values[0], values[1], values[2]);
  return text;
}

constexpr const char* kNormVectors[] = {"weight", "bias", "running_mean", "running_var"};

void expect_norm(const std::string& module, uint64_t features, std::vector<Expected>* expected) {
  for (const char* vector : kNormVectors) expected->push_back({module + ".bn." + vector, {features}});
}

void expect_layer(const weights::Layer& layer, bool fused, std::vector<Expected>* expected) {
  const std::string module = module_name(layer);
  const bool convolution = layer.part == weights::Part::kStem;
  expected->push_back(
      {module + ".linear.weight", convolution ? std::vector<uint64_t>{layer.outputs, layer.depth / 9, 3, 3}
                                              : std::vector<uint64_t>{layer.outputs, layer.depth}});
  if (fused) {
    expected->push_back({module + ".linear.bias", {layer.outputs}});
  } else {
    expect_norm(module, layer.outputs, expected);
  }
  if (layer.table != 0)
    expected->push_back({table_name(layer), {layer.heads, uint64_t{layer.grid} * layer.grid}});
}

bool fits(const std::vector<uint64_t>& shape, const std::vector<uint64_t>& expected) {
  if (shape == expected) return true;
  return expected.size() == 2 && shape.size() > 2 && shape[0] == expected[0] && shape[1] == expected[1] &&
         std::all_of(shape.begin() + 2, shape.end(), [](uint64_t size) { return size == 1; });
}

// The faults of one kind, written as "2 tensors are missing: a, b".
class Faults {
 public:
  Faults(const char* one, const char* many) : one_(one), many_(many) {}
  void add(const std::string& what) { list_ += (count_++ == 0 ? "" : ", ") + what; }
  void append_to(std::string* message) const {
    if (count_ == 0) return;
    if (!message->empty()) *message += "; ";
    *message += std::to_string(count_) + (count_ == 1 ? " tensor " : " tensors ") +
                (count_ == 1 ? one_ : many_) + ": " + list_;
  }

 private:
  const char* one_;
  const char* many_;
  int count_ = 0;
  std::string list_;
};

struct Report {
  Faults missing{"is missing", "are missing"};
  Faults shape{"has a wrong shape", "have wrong shapes"};
  Faults type{"is not of floating point", "are not of floating point"};
  Faults finite{"holds numbers that are not finite", "hold numbers that are not finite"};
  Faults variance{"is a variance with negative values", "are variances with negative values"};
  Faults unknown{"is not one of a LeViT's", "are not ones of a LeViT's"};
};

void check_values(const std::string& name, const std::string& shown, const Tensor& tensor, Report* report) {
  const std::vector<double> values = widened(tensor);
  const auto bad = std::count_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (bad != 0)
    report->finite.add(shown + " (" + std::to_string(bad) + " of " + std::to_string(values.size()) + ")");
  if (ends_with(name, ".running_var") &&
      std::any_of(values.begin(), values.end(), [](double v) { return v < 0; })) {
    report->variance.add(shown);
  }
}

void check_tensor(const Expected& expected, const std::string& shown, const Tensor& tensor, Report* report) {
  if (!tensor.fault.empty()) {
    report->type.add(shown + " (" + tensor.fault + ")");
  } else if (!fits(tensor.shape, expected.shape)) {
    report->shape.add(shown + " is " + shape_text(tensor.shape) + ", expected " + shape_text(expected.shape));
  } else if (!is_floating(tensor.dtype)) {
    report->type.add(shown + " (" + dtype_name(tensor.dtype) + ")");
  } else {
    check_values(expected.name, shown, tensor, report);
  }
}

}  // namespace

Configuration infer_configuration(const StateDict& dict) {
  Configuration result;
  weights::Config& config = result.config;
  config.side = weights::kSide;
  config.attention_ratio = kAttentionRatio;
  config.downsample_ratio = kDownsampleRatio;
  config.mlp_ratio = kMlpRatio;
  find_depths(dict, Family::kTimm, config.depth);
  infer_dims(dict, &config);
  infer_key(dict, &config);
  infer_heads(dict, &config);
  refuse_unsupported(dict, config);
  config.classes = 1;
  result.fused = std::none_of(dict.begin(), dict.end(), [](const auto& entry) {
    return entry.first.find(".bn.") != std::string::npos;
  });
  if (!weights::valid(config)) {
    throw std::runtime_error(
        "a LeViT of sizes that are not supported (0 where the tensors do not tell): widths " +
        triple(config.dims) + ", heads " + triple(config.heads) + ", depth " + triple(config.depth) +
        ", key " + std::to_string(config.key));
  }
  return result;
}

std::vector<Expected> body_needs(const Configuration& configuration) {
  std::vector<Expected> expected;
  for (uint32_t i = 0; i < weights::layer_count(configuration.config); ++i) {
    const weights::Layer layer = weights::layer_at(configuration.config, i);
    if (layer.part != weights::Part::kHead) expect_layer(layer, configuration.fused, &expected);
  }
  return expected;
}

void check_tensors(const StateDict& dict, const std::vector<Expected>& expected,
                   const std::vector<std::string>& unknown, const SourceNames& source_names) {
  const auto shown = [&](const std::string& name) {
    const auto found = source_names.find(name);
    return printable(found == source_names.end() ? name : found->second);
  };
  Report report;
  for (const Expected& tensor : expected) {
    const auto found = dict.find(tensor.name);
    if (found == dict.end()) {
      report.missing.add(shown(tensor.name));
    } else {
      check_tensor(tensor, shown(tensor.name), found->second, &report);
    }
  }
  for (const std::string& name : unknown) report.unknown.add(printable(name));
  std::string message;
  for (const Faults* faults :
       {&report.missing, &report.shape, &report.type, &report.finite, &report.variance, &report.unknown}) {
    faults->append_to(&message);
  }
  if (!message.empty()) throw std::runtime_error(message);
}

}  // namespace levit::tools
