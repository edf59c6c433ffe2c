// Names of the methods and layers of `levit explain`.
#ifndef LEVIT_TOOLS_LEVIT_EXPLAIN_METHOD_H_
#define LEVIT_TOOLS_LEVIT_EXPLAIN_METHOD_H_

#include <string>
#include <vector>

#include "levit.h"

namespace levit::tools {

enum class Method {  // the class activation maps first, those of levit_cam_method in its order
  kGradCam,
  kGradCamPlusPlus,
  kHiResCam,
  kLayerCam,
  kXGradCam,
  kClassMap,  // levit_class_map: the head before pooling, of the last stage
  kShap,
  kIntegratedGradients,
  kGradient,
};

inline bool is_cam(Method method) {
  return method <= Method::kClassMap;
}

// Where the maps of a method are taken when `chosen` is asked for: a class map has one place.
std::vector<levit_layer> layers_of(Method method, const std::vector<levit_layer>& chosen);

const char* method_flag(Method method);   // "gradcam++"
const char* method_title(Method method);  // "Grad-CAM++"
const char* layer_flag(levit_layer layer);
std::string layer_flags(const std::vector<levit_layer>& layers);  // "stage0,stage1"

// Comma lists as the user gives them, methods also as other tools spell them (GradCAMPlusPlus, grad_cam);
// throw std::runtime_error that lists what there is. "mean" stands for all layers.
std::vector<Method> parse_methods(const std::string& list);
std::vector<levit_layer> parse_layers(const std::string& list);

// The class with that label, as class_labels() has it, or of that number; `predicted` when nothing is wanted.
// Throws std::runtime_error that lists the labels, or the numbers of classes that share one.
size_t chosen_class(const std::vector<std::string>& labels, const std::string& wanted, size_t predicted);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EXPLAIN_METHOD_H_
