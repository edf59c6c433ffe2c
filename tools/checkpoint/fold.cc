#include "tools/checkpoint/fold.h"

#include <cmath>
#include <utility>

#include "tools/checkpoint/configuration.h"
#include "tools/checkpoint/inventory.h"

namespace levit::tools {
namespace {

constexpr double kNormEpsilon = 1e-5;

// A batch norm in evaluation: y = scale x + shift.
struct Affine {
  std::vector<double> scale, shift;
};

Affine norm(const StateDict& dict, const std::string& module) {
  const auto vector = [&](const char* name) { return widened(dict.at(module + ".bn." + name)); };
  const std::vector<double> gamma = vector("weight"), beta = vector("bias");
  const std::vector<double> mean = vector("running_mean"), variance = vector("running_var");
  Affine result{gamma, beta};
  for (size_t i = 0; i < gamma.size(); ++i) {
    result.scale[i] = gamma[i] / std::sqrt(variance[i] + kNormEpsilon);
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
    Affine affine = norm(dict, module);
    for (size_t i = 0; i < folded.weight.size(); ++i) folded.weight[i] *= affine.scale[i / layer.depth];
    folded.bias = std::move(affine.shift);
  }
  if (layer.table != 0) folded.table = widened(dict.at(table_name(layer)));
  return folded;
}

// A linear map with the norm in front of it.
FoldedLayer fold_classifier(const StateDict& dict, const std::string& module, size_t inputs, bool fused) {
  FoldedLayer folded{
      widened(dict.at(module + ".linear.weight")), widened(dict.at(module + ".linear.bias")), {}};
  if (fused) return folded;
  const Affine affine = norm(dict, module);
  for (size_t o = 0; o < folded.bias.size(); ++o) {
    for (size_t i = 0; i < inputs; ++i) {
      double& weight = folded.weight[o * inputs + i];
      folded.bias[o] += weight * affine.shift[i];
      weight *= affine.scale[i];
    }
  }
  return folded;
}

FoldedLayer mean(FoldedLayer a, const FoldedLayer& b) {
  for (size_t i = 0; i < a.weight.size(); ++i) a.weight[i] = (a.weight[i] + b.weight[i]) / 2;
  for (size_t i = 0; i < a.bias.size(); ++i) a.bias[i] = (a.bias[i] + b.bias[i]) / 2;
  return a;
}

// The mean over tokens commutes with conv_head, so that it is a linear map of the pooled tokens too.
FoldedLayer fold_head(const StateDict& dict, const weights::Layer& layer, HeadKind kind, bool fused) {
  if (kind == HeadKind::kConv)
    return {widened(dict.at("conv_head.weight")), widened(dict.at("conv_head.bias")), {}};
  FoldedLayer head = fold_classifier(dict, "head", layer.depth, fused);
  if (kind == HeadKind::kSingle) return head;
  return mean(std::move(head), fold_classifier(dict, "head_dist", layer.depth, fused));
}

}  // namespace

FoldedModel fold(const StateDict& dict, const SourceNames& source_names) {
  const Configuration configuration = infer_configuration(dict);
  check_tensors(dict, configuration, source_names);
  FoldedModel model;
  model.config = configuration.config;
  for (uint32_t i = 0; i < weights::layer_count(model.config); ++i) {
    const weights::Layer layer = weights::layer_at(model.config, i);
    model.layers.push_back(layer.part == weights::Part::kHead
                               ? fold_head(dict, layer, configuration.head, configuration.fused)
                               : fold_layer(dict, layer, configuration.fused));
  }
  for (uint32_t c = 0; c < model.config.classes; ++c) model.labels.push_back("class" + std::to_string(c));
  return model;
}

}  // namespace levit::tools
