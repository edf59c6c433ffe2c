#include "tools/levit/explain/method.h"

#include <algorithm>
#include <stdexcept>

namespace levit::tools {
namespace {

struct MethodNames {
  const char *flag, *title;
};
constexpr MethodNames kMethods[] = {
    // by Method
    {"gradcam", "Grad-CAM"},        {"gradcam++", "Grad-CAM++"}, {"hirescam", "HiResCAM"},
    {"layercam", "LayerCAM"},       {"xgradcam", "XGrad-CAM"},   {"shap", "Gradient SHAP"},
    {"ig", "Integrated gradients"}, {"gradient", "Gradient"},
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

Method parse_method(const std::string& name) {
  std::string known;
  for (size_t i = 0; i < std::size(kMethods); ++i) {
    if (name == kMethods[i].flag) return static_cast<Method>(i);
    known += (i == 0 ? "" : ", ") + std::string(kMethods[i].flag);
  }
  throw std::runtime_error("no method \"" + name + "\"; there are " + known);
}

}  // namespace

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

size_t chosen_class(const levit_model* model, const std::string& label, size_t predicted) {
  if (label.empty()) return predicted;
  constexpr size_t kMostListed = 20;
  std::string known;
  size_t count = 0;
  for (const char* name = levit_label(model, 0); name != nullptr; name = levit_next_label(model, name)) {
    if (label == name) return count;
    if (count < kMostListed) known += (count == 0 ? "" : ", ") + std::string(name);
    ++count;
  }
  const bool number = label.size() < 6 && label.find_first_not_of("0123456789") == std::string::npos;
  if (number && std::stoul(label) < count) return std::stoul(label);
  if (count > kMostListed) known += ", ... (" + std::to_string(count) + ", or their numbers from 0 on)";
  throw std::runtime_error("no class \"" + label + "\"; there are " + known);
}

}  // namespace levit::tools
