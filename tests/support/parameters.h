// Parameters of a model, or their gradients, by layer and unpacked: what goldens are compared with.
#ifndef LEVIT_TESTS_SUPPORT_PARAMETERS_H_
#define LEVIT_TESTS_SUPPORT_PARAMETERS_H_

#include <string>
#include <vector>

#include "levit.h"
#include "weights/architecture.h"

namespace levit::tests {

// In the order of weights::list_layers; a table of attention biases may be empty.
struct Parameters {
  std::vector<weights::Layer> layers;
  std::vector<std::vector<float>> weight, bias, table;

  // visit(name, values) for every tensor, by torch's names, convolutions as torch has them,
  // [out][in][ky][kx].
  template <class Visit>
  void each(const Visit& visit) const {
    for (size_t i = 0; i < layers.size(); ++i) {
      visit(name(i) + ".weight", as_torch(i));
      visit(name(i) + ".bias", bias[i]);
      if (!table[i].empty()) visit(table_name(i), table[i]);
    }
  }

 private:
  std::string name(size_t layer) const;
  std::string table_name(size_t layer) const;
  std::vector<float> as_torch(size_t layer) const;
};

// Of an fp32 model. gradient: null, or an array laid out as the image is from its first layer's panels on.
Parameters parameters_of(const levit_model* model, const float* gradient = nullptr);

}  // namespace levit::tests

#endif  // LEVIT_TESTS_SUPPORT_PARAMETERS_H_
