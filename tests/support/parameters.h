// Room for the gradients of every parameter of a model.
#ifndef LEVIT_TESTS_SUPPORT_PARAMETERS_H_
#define LEVIT_TESTS_SUPPORT_PARAMETERS_H_

#include <vector>

#include "levit.h"
#include "runtime/pass.h"

namespace levit::tests {

// By layer, in the order of weights::list_layers; zeros to begin with.
struct Parameters {
  explicit Parameters(const levit_model* model);

  std::vector<weights::Layer> layers;
  std::vector<std::vector<float>> weight, bias, table;
};

// Addresses within a Parameters, which must stay where it is.
class ParameterPointers {
 public:
  explicit ParameterPointers(Parameters& parameters);
  runtime::ParameterGradients gradients() const { return {weight_.data(), bias_.data(), table_.data()}; }

 private:
  std::vector<float*> weight_, bias_, table_;
};

}  // namespace levit::tests

#endif  // LEVIT_TESTS_SUPPORT_PARAMETERS_H_
