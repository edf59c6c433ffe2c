// Batch norms into weights and biases, in double: folded once here, never at run time.
#include "tools/checkpoint/fold.h"

#include <cmath>
#include <utility>

namespace levit::tools {
namespace {

// A batch norm in evaluation: y = scale x + shift.
struct Affine {
  std::vector<double> scale, shift;
};

// `module`: of the norm; without weight and bias it only normalises.
Affine norm(const StateDict& dict, const std::string& module) {
  const auto vector = [&](const char* name, size_t size, double otherwise) {
    const auto found = dict.find(module + "." + name);
    return found == dict.end() ? std::vector<double>(size, otherwise) : widened(found->second);
  };
  const std::vector<double> mean = vector("running_mean", 0, 0), variance = vector("running_var", 0, 0);
  const std::vector<double> gamma = vector("weight", mean.size(), 1), beta = vector("bias", mean.size(), 0);
  const double epsilon = dict.at(module + ".running_var").epsilon;
  Affine result{gamma, beta};
  for (size_t i = 0; i < gamma.size(); ++i) {
    result.scale[i] = gamma[i] / std::sqrt(variance[i] + epsilon);
    result.shift[i] = beta[i] - mean[i] * result.scale[i];
  }
  return result;
}

// [out][in][3][3] to [out][3][3][in].
std::vector<double> channels_last(const std::vector<double>& weight, size_t outputs, size_t inputs) {
  std::vector<double> result(weight.size());
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t i = 0; i < inputs; ++i) {
      for (size_t tap = 0; tap < 9; ++tap) {
        result[(o * 9 + tap) * inputs + i] = weight[(o * inputs + i) * 9 + tap];
      }
    }
  }
  return result;
}

// A linear map or convolution with the norm behind it.
FoldedLayer fold_layer(const StateDict& dict, const weights::Layer& layer, bool fused) {
  const std::string module = module_name(layer);
  FoldedLayer folded;
  folded.weight = widened(dict.at(module + ".linear.weight"));
  if (layer.part == weights::Part::kStem)
    folded.weight = channels_last(folded.weight, layer.outputs, layer.depth / 9);
  if (fused) {
    folded.bias = widened(dict.at(module + ".linear.bias"));
  } else {
    Affine affine = norm(dict, module + ".bn");
    for (size_t i = 0; i < folded.weight.size(); ++i) folded.weight[i] *= affine.scale[i / layer.depth];
    folded.bias = std::move(affine.shift);
  }
  if (layer.table != 0) folded.table = widened(dict.at(table_name(layer)));
  return folded;
}

// A linear map with the norm in front of it, and one behind, if it has them.
FoldedLayer fold_classifier(const StateDict& dict, const std::string& module, size_t inputs) {
  FoldedLayer folded{widened(dict.at(module + ".linear.weight")), {}, {}};
  const auto bias = dict.find(module + ".linear.bias");
  folded.bias =
      bias == dict.end() ? std::vector<double>(folded.weight.size() / inputs) : widened(bias->second);
  if (dict.count(module + ".bn.running_var") != 0) {
    const Affine affine = norm(dict, module + ".bn");
    for (size_t o = 0; o < folded.bias.size(); ++o) {
      for (size_t i = 0; i < inputs; ++i) {
        double& weight = folded.weight[o * inputs + i];
        folded.bias[o] += weight * affine.shift[i];
        weight *= affine.scale[i];
      }
    }
  }
  if (dict.count(module + ".bn_behind.running_var") != 0) {
    const Affine affine = norm(dict, module + ".bn_behind");
    for (size_t i = 0; i < folded.weight.size(); ++i) folded.weight[i] *= affine.scale[i / inputs];
    for (size_t o = 0; o < folded.bias.size(); ++o) {
      folded.bias[o] = folded.bias[o] * affine.scale[o] + affine.shift[o];
    }
  }
  return folded;
}

FoldedLayer mean(FoldedLayer a, const FoldedLayer& b) {
  for (size_t i = 0; i < a.weight.size(); ++i) a.weight[i] = (a.weight[i] + b.weight[i]) / 2;
  for (size_t i = 0; i < a.bias.size(); ++i) a.bias[i] = (a.bias[i] + b.bias[i]) / 2;
  return a;
}

// The mean over tokens commutes with a 1x1 convolution, so that a head of one is a linear map of the pooled
// tokens too. A network without classifier gets zeros in its place.
FoldedLayer fold_head(const Checkpoint& checkpoint, const weights::Layer& layer) {
  const StateDict& dict = checkpoint.tensors;
  if (checkpoint.head.maps.empty()) return {std::vector<double>(layer.depth), {0}, {}};
  FoldedLayer head = fold_classifier(dict, "head", layer.depth);
  if (checkpoint.head.maps.size() == 1) return head;
  return mean(std::move(head), fold_classifier(dict, "head_dist", layer.depth));
}

void expect_norm(const StateDict& dict, const std::string& module, uint64_t features,
                 std::vector<Expected>* expected) {
  for (const char* vector : {"running_mean", "running_var"})
    expected->push_back({module + "." + vector, {features}});
  for (const char* vector : {"weight", "bias"}) {
    const std::string name = module + "." + vector;
    if (dict.count(name) != 0) expected->push_back({name, {features}});
  }
}

void expect_head(const Checkpoint& checkpoint, std::vector<Expected>* expected) {
  const weights::Config& config = checkpoint.configuration.config;
  const uint64_t classes = config.classes, channels = config.dims[weights::kStages - 1];
  for (size_t i = 0; i < checkpoint.head.maps.size(); ++i) {
    const std::string module = i == 0 ? "head" : "head_dist";
    const LinearHead& map = checkpoint.head.maps[i];
    if (!map.front.empty()) expect_norm(checkpoint.tensors, module + ".bn", channels, expected);
    expected->push_back({module + ".linear.weight", {classes, channels}});
    if (checkpoint.tensors.count(module + ".linear.bias") != 0)
      expected->push_back({module + ".linear.bias", {classes}});
    if (!map.behind.empty()) expect_norm(checkpoint.tensors, module + ".bn_behind", classes, expected);
  }
}

}  // namespace

FoldedModel fold(const Checkpoint& checkpoint) {
  const StateDict& dict = checkpoint.tensors;
  const Configuration& configuration = checkpoint.configuration;
  std::vector<Expected> expected = body_needs(configuration);
  expect_head(checkpoint, &expected);
  check_tensors(dict, expected, checkpoint.head.alien, checkpoint.source_names);
  FoldedModel model;
  model.config = configuration.config;
  for (uint32_t i = 0; i < weights::layer_count(model.config); ++i) {
    const weights::Layer layer = weights::layer_at(model.config, i);
    model.layers.push_back(layer.part == weights::Part::kHead ? fold_head(checkpoint, layer)
                                                              : fold_layer(dict, layer, configuration.fused));
  }
  model.no_head = checkpoint.head.maps.empty();
  if (model.no_head) return model;
  model.one_logit = model.config.classes == 1;
  if (model.one_logit) model.labels = {"negative", "positive"};
  for (uint32_t c = 0; c < model.config.classes && !model.one_logit; ++c)
    model.labels.push_back("class" + std::to_string(c));
  return model;
}

}  // namespace levit::tools
