// The spellings of methods, layers and classes on the command line.
#include "tools/levit/explain/method.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <stdexcept>

#include "tools/levit/verdict.h"

namespace levit::tools {
namespace {

struct MethodNames {
  const char *flag, *title;
};
constexpr MethodNames kMethods[] = {
    // by Method
    {"gradcam", "Grad-CAM"},   {"gradcam++", "Grad-CAM++"},    {"hirescam", "HiResCAM"},
    {"layercam", "LayerCAM"},  {"xgradcam", "XGrad-CAM"},      {"classmap", "Class map"},
    {"shap", "Gradient SHAP"}, {"ig", "Integrated gradients"}, {"gradient", "Gradient"},
};
constexpr const char* kLayers[] = {"input", "stem", "stage0", "stage1", "stage2"};  // by levit_layer

std::vector<std::string> parts(const std::string& list) {
  std::vector<std::string> result(1);
  for (const char c : list) {
    if (c == ',') {
      result.emplace_back();
    } else {
      result.back() += c;
    }
  }
  return result;
}

template <typename T>
void add_once(std::vector<T>& list, T value) {
  if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

// Letters and digits alone, in small letters, "+" as "plus": so that the spellings of other tools agree.
std::string folded(const std::string& name) {
  std::string result;
  for (const char c : name) {
    if (c == '+') result += "plus";
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

// Names of pytorch-grad-cam (GradCAMPlusPlus), captum (IntegratedGradients, Saliency) and shap
// (GradientExplainer) that differ from ours by more than their letters' case.
constexpr struct {
  const char* name;
  Method method;
} kOtherNames[] = {
    {"gradientshap", Method::kShap},      {"gradientexplainer", Method::kShap},
    {"expectedgradients", Method::kShap}, {"integratedgradients", Method::kIntegratedGradients},
    {"cam", Method::kClassMap},           {"saliency", Method::kGradient},
    {"inputgradient", Method::kGradient},
};

Method parse_method(const std::string& name) {
  std::string known;
  for (size_t i = 0; i < std::size(kMethods); ++i) {
    if (folded(name) == folded(kMethods[i].flag)) return static_cast<Method>(i);
    known += (i == 0 ? "" : ", ") + std::string(kMethods[i].flag);
  }
  for (const auto& other : kOtherNames)
    if (folded(name) == other.name) return other.method;
  throw std::runtime_error("no method \"" + name + "\"; there are " + known);
}

}  // namespace

std::vector<levit_layer> layers_of(Method method, const std::vector<levit_layer>& chosen) {
  return method == Method::kClassMap ? std::vector<levit_layer>{LEVIT_STAGE2} : chosen;
}

const char* method_flag(Method method) {
  return kMethods[static_cast<size_t>(method)].flag;
}

const char* method_title(Method method) {
  return kMethods[static_cast<size_t>(method)].title;
}

const char* layer_flag(levit_layer layer) {
  return kLayers[layer];
}

std::string layer_flags(const std::vector<levit_layer>& layers) {
  std::string list;
  for (const levit_layer layer : layers) list += (list.empty() ? "" : ",") + std::string(layer_flag(layer));
  return list;
}

std::vector<Method> parse_methods(const std::string& list) {
  std::vector<Method> methods;
  for (const std::string& name : parts(list)) add_once(methods, parse_method(name));
  return methods;
}

std::vector<levit_layer> parse_layers(const std::string& list) {
  std::vector<levit_layer> layers;
  for (const std::string& name : parts(list)) {
    bool known = false;
    for (size_t i = LEVIT_STEM; i <= LEVIT_STAGE2; ++i) {
      if (name != kLayers[i] && name != "mean") continue;
      add_once(layers, static_cast<levit_layer>(i));
      known = true;
    }
    if (!known) {
      throw std::runtime_error("no layer \"" + name + "\"; there are stem, stage0, stage1, stage2 and mean");
    }
  }
  return layers;
}

size_t chosen_class(const std::vector<std::string>& labels, const std::string& wanted, size_t predicted) {
  if (wanted.empty()) return predicted;
  const std::vector<size_t> called = classes_called(labels, wanted);
  if (called.size() > 1) {
    throw std::runtime_error("several classes are called \"" + wanted + "\"; name one by its number, as " +
                             std::to_string(called[0]) + " or " + std::to_string(called[1]));
  }
  if (!called.empty()) return called[0];
  const bool number =
      std::all_of(wanted.begin(), wanted.end(), [](unsigned char c) { return std::isdigit(c); });
  if (number && wanted.size() < 9 && std::stoul(wanted) < labels.size()) return std::stoul(wanted);
  constexpr size_t kListed = 12;  // of a thousand labels
  std::string known;
  for (size_t i = 0; i < std::min(labels.size(), kListed); ++i) known += (i == 0 ? "" : ", ") + labels[i];
  if (labels.size() > kListed) known += " and " + std::to_string(labels.size() - kListed) + " more";
  throw std::runtime_error("no class \"" + wanted + "\"; there are " + known + ", or a number from 0 to " +
                           std::to_string(labels.size() - 1));
}

}  // namespace levit::tools
