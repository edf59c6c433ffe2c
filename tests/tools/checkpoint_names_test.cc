// Names and sizes: whose tensors they are, what is missing, and variants that this library does not have.
#include <doctest/doctest.h>

#include "tests/tools/checkpoint_files.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/configuration.h"
#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/safetensors.h"
#include "tools/checkpoint/torch_file.h"

namespace levit::tests {
namespace {

using tools::StateDict;

// The tensors under the names of the file; `bytes` must outlive them.
StateDict hugging_face(const std::string& bytes) {
  return tools::read_safetensors(bytes);
}

StateDict original(const std::string& bytes) {
  StateDict dict;
  for (const auto& [name, tensor] : tools::read_tensors(tools::open_torch_file(bytes)))
    dict[name.substr(std::string("model.").size())] = tensor;
  return dict;
}

std::string refusal(const StateDict& dict) {
  return thrown_by([&] { tools::fold(tools::find_checkpoint(dict)); });
}

// The shapes of a LeViT; the tensors have no elements, which only sizes are read off.
void shape(StateDict* dict, const std::string& name, std::vector<uint64_t> sizes) {
  (*dict)[name] = tools::dense_tensor(tools::DType::kF32, std::move(sizes), nullptr);
}

StateDict shapes(const uint64_t (&dims)[3], uint64_t key, const uint64_t (&heads)[3], const int (&depth)[3],
                 int stem) {
  StateDict dict;
  for (int i = 0; i < stem; ++i) {
    shape(&dict, "stem.conv" + std::to_string(i + 1) + ".linear.weight",
          {dims[0] >> (stem - 1 - i), 3, 3, 3});
  }
  for (size_t s = 0; s < 3; ++s) {
    const std::string stage = "stages." + std::to_string(s);
    if (s > 0) shape(&dict, stage + ".downsample.attn_downsample.attention_biases", {dims[s - 1] / key, 49});
    for (int b = 0; b < depth[s]; ++b) {
      const std::string block = stage + ".blocks." + std::to_string(b);
      shape(&dict, block + ".attn.attention_biases", {heads[s], 196});
      shape(&dict, block + ".attn.qkv.linear.weight", {heads[s] * 4 * key, dims[s]});
    }
  }
  shape(&dict, "head.linear.weight", {2, dims[2]});
  return dict;
}

}  // namespace

TEST_CASE("all missing, misshapen and unknown tensors are named at once, as the file calls them") {
  const std::string bytes = checkpoint_bytes("tiny/huggingface.safetensors");
  StateDict dict = hugging_face(bytes);
  dict.erase("levit.patch_embeddings.embedding_layer_1.convolution.weight");
  dict.erase("levit.encoder.stages.1.layers.3.module.linear_up.batch_norm.bias");
  dict["levit.pooler.weight"] = dict["classifier.linear.bias"];
  dict["classifier.batch_norm.weight"] = dict["classifier.linear.bias"];
  const std::string message = refusal(dict);
  CAPTURE(message);
  CHECK(names(message,
              "2 tensors are missing: levit.patch_embeddings.embedding_layer_1.convolution.weight, "
              "levit.encoder.stages.1.layers.3.module.linear_up.batch_norm.bias"));
  CHECK(names(message, "classifier.batch_norm.weight is [3], expected [32]"));
  CHECK(names(message, "levit.pooler.weight"));
}

TEST_CASE("the original's block numbers are used in messages") {
  const std::string bytes = checkpoint_bytes("tiny/facebook_zip.pth");
  StateDict dict = original(bytes);
  REQUIRE(dict.erase("blocks.4.m.proj.1.c.weight") == 1);
  REQUIRE(dict.erase("blocks.2.q.1.bn.running_mean") == 1);
  const std::string message = refusal(dict);
  CAPTURE(message);
  CHECK(message == "2 tensors are missing: blocks.2.q.1.bn.running_mean, blocks.4.m.proj.1.c.weight");
}

TEST_CASE("stored bias indices must equal |dy| * side + |dx|") {
  const std::string bytes = checkpoint_bytes("tiny/huggingface.safetensors");
  StateDict dict = hugging_face(bytes);
  const std::string block = "levit.encoder.stages.0.layers.0.module.attention_bias_idxs";
  const std::string down = "levit.encoder.stages.0.layers.2.attention_bias_idxs";
  REQUIRE(dict.count(block) == 1);
  REQUIRE(dict.count(down) == 1);
  std::vector<int64_t> indices = tools::integers(dict[down]);
  indices.back() += 1;
  dict[down] = tools::dense_tensor(tools::DType::kI64, dict[down].shape, indices.data());
  CHECK(refusal(dict) == "bias indices other than |dy| * side + |dx|: " + down);
  dict[block].shape[0] -= 1;
  CHECK(refusal(dict) == "bias indices other than |dy| * side + |dx|: " + block + ", " + down);
  dict.erase(block);
  dict.erase(down);
  CHECK(refusal(dict) == "");
}

TEST_CASE("tensors outside the prefix are harmless unless they are the network's") {
  const std::string bytes = checkpoint_bytes("tiny/huggingface.safetensors");
  StateDict dict;
  for (const auto& [name, tensor] : hugging_face(bytes)) dict["module.model." + name] = tensor;
  const tools::Tensor bias = dict["module.model.classifier.linear.bias"];
  dict["criterion.weight"] = bias;
  CHECK(refusal(dict) == "");
  CHECK(tools::find_checkpoint(dict).ignored == std::vector<std::string>{"criterion.weight"});
  dict["classifier.linear.bias"] = bias;
  CHECK(names(refusal(dict),
              "the classifier 'classifier' has no linear map; it holds classifier.linear (bias)"));
}

TEST_CASE("another network is called one") {
  StateDict dict;
  CHECK(refusal(dict) == "it holds no tensors");
  shape(&dict, "layer1.0.conv1.weight", {64, 3, 7, 7});
  CHECK(names(refusal(dict), "not a LeViT: none of its 1 tensors"));
}

TEST_CASE("block numbers are bounded") {
  for (const char* name :
       {"stages.0.blocks.4000000000.attn.qkv.linear.weight", "stages.0.blocks.199.attn.qkv.linear.weight",
        "blocks.999999.m.qkv.c.weight", "levit.encoder.stages.0.layers.198.module.linear_up.linear.weight"}) {
    CAPTURE(name);
    StateDict dict;
    shape(&dict, name, {1, 1});
    CHECK(names(refusal(dict), "beyond any LeViT's blocks"));
  }
  StateDict dict;
  shape(&dict, "stages.0.blocks.32.attn.qkv.linear.weight", {1, 1});
  CHECK(names(refusal(dict), "stage 0 has 33 blocks"));
}

TEST_CASE("SiLU and stride-8 variants are refused by name") {
  const auto cause = [](const StateDict& dict) {
    return thrown_by([&] { tools::infer_configuration(dict); });
  };
  CHECK(
      names(cause(shapes({256, 384, 512}, 32, {4, 6, 8}, {4, 8, 6}, 4)), "levit_256d: its activation, SiLU"));
  CHECK(names(cause(shapes({512, 768, 1024}, 64, {8, 12, 16}, {4, 4, 4}, 4)),
              "levit_512: its activation, SiLU"));
  CHECK(names(cause(shapes({512, 640, 768}, 64, {8, 10, 12}, {4, 8, 6}, 4)),
              "levit_512d: its activation, SiLU"));
  CHECK(names(cause(shapes({384, 512, 768}, 32, {6, 9, 12}, {4, 4, 4}, 3)),
              "levit_384_s8: a stem of three convolutions"));
  CHECK(names(cause(shapes({512, 640, 896}, 64, {8, 10, 14}, {4, 4, 4}, 3)),
              "levit_512_s8: a stem of three convolutions"));
  CHECK(cause(shapes({256, 384, 512}, 32, {4, 6, 8}, {4, 4, 4}, 4)) == "");
}

}  // namespace levit::tests
