// Every form in which a trained LeViT reaches its user gives the same network.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/seeded.h"
#include "tests/tools/checkpoint_files.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {
namespace {

using tools::FoldedModel;

std::vector<float> logits_of(const FoldedModel& folded) {
  const OpenModel model(tools::write_levit(folded, weights::Type::kFloat));
  const OpenContext context(model, options_with(0));
  std::vector<float> logits(folded.config.classes);
  const std::vector<float> input = seeded_input();
  REQUIRE(levit_classify(context, {nullptr, input.data()}, 1, logits.data()) == LEVIT_OK);
  return logits;
}

bool same_layers(const FoldedModel& a, const FoldedModel& b) {
  if (a.layers.size() != b.layers.size()) return false;
  for (size_t i = 0; i < a.layers.size(); ++i) {
    if (a.layers[i].weight != b.layers[i].weight || a.layers[i].bias != b.layers[i].bias ||
        a.layers[i].table != b.layers[i].table) {
      return false;
    }
  }
  return true;
}

FoldedModel load_tiny(const std::string& name) {
  return tools::load_checkpoint(checkpoint_bytes("tiny/" + name));
}

}  // namespace

TEST_CASE("every form gives the logits of its tensors") {
  const auto expected = nlohmann::json::parse(checkpoint_bytes("tiny/expected.json"));
  REQUIRE(expected.size() == 17);
  for (const auto& [name, facts] : expected.items()) {
    CAPTURE(name);
    const auto logits = facts["logits"].get<std::vector<float>>();
    CHECK(relative_l2(logits_of(load_tiny(name)), logits) <= 1e-5);
  }
}

TEST_CASE("the forms that hold the same float32 values fold to the same bits") {
  const FoldedModel seeded = seeded_fold(Seed{"micro", 3});
  for (const char* name :
       {"timm_conv.safetensors", "timm_zip.pth", "timm_legacy.pth", "facebook_zip.pth",
        "huggingface.safetensors", "lightning.ckpt", "ddp.pth", "ema.pth", "strided.pth", "protocol4.pth"}) {
    CAPTURE(name);
    CHECK(same_layers(load_tiny(name), seeded));
  }
  CHECK(same_layers(load_tiny("timm_f16.safetensors"), load_tiny("half_zip.pth")));
  CHECK_FALSE(same_layers(load_tiny("timm_f16.safetensors"), seeded));
}

TEST_CASE("what was found, and where, is told") {
  const auto read = [](const std::string& bytes) { return tools::read_checkpoint(bytes); };
  const std::string ema = checkpoint_bytes("tiny/ema.pth"), ddp = checkpoint_bytes("tiny/ddp.pth");
  CHECK(read(ema).place == "state_dict_ema.");
  CHECK(read(ddp).place == "model_state_dict.module.");
  const std::string lightning = checkpoint_bytes("tiny/lightning.ckpt");
  CHECK(read(lightning).place == "state_dict.model.");
  CHECK(read(lightning).ignored == std::vector<std::string>{"state_dict.criterion.weight"});
  const std::string fused = checkpoint_bytes("tiny/facebook_fused.pth");
  CHECK(read(fused).layout == "the original LeViT, batch norms fused");
  CHECK(read(fused).place == "");
  const std::string legacy = checkpoint_bytes("tiny/timm_legacy.pth");
  CHECK(read(legacy).container == "PyTorch stream (before 1.6)");
  const std::string hugging_face = checkpoint_bytes("tiny/huggingface.safetensors");
  CHECK(read(hugging_face).layout == "Hugging Face transformers");
  CHECK(read(hugging_face).container == "safetensors");
}

TEST_CASE("sizes come from the shapes") {
  const weights::Config tiny = load_tiny("timm.safetensors").config;
  const uint32_t dims[] = {32, 48, 64}, heads[] = {2, 3, 4};
  for (size_t s = 0; s < 3; ++s) {
    CHECK(tiny.dims[s] == dims[s]);
    CHECK(tiny.heads[s] == heads[s]);
    CHECK(tiny.depth[s] == 1);
  }
  CHECK(tiny.key == 16);
  CHECK(tiny.classes == 3);
  CHECK(load_tiny("timm.safetensors").labels == std::vector<std::string>{"class0", "class1", "class2"});
}

}  // namespace levit::tests
