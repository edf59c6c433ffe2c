// Goldens and the seeded numbers they were made from.
#ifndef LEVIT_TESTS_SUPPORT_NPY_H_
#define LEVIT_TESTS_SUPPORT_NPY_H_

#include <string>
#include <vector>

namespace levit::tests {

struct Array {
  std::vector<size_t> shape;
  std::vector<float> values;  // float32; int64 files are converted
};

// Path of a file below tests/data.
std::string data_path(const std::string& name);

// Reads tests/data/<name>; throws std::runtime_error naming the file.
Array load_npy(const std::string& name);

// The bytes of tests/data/<name>; throws std::runtime_error naming the file.
std::string load_text(const std::string& name);

// uniform(name)[0 .. count): the seeded doubles in [-1, 1) of the goldens (FNV-1a, then splitmix64; see
// tests/data/README.md).
std::vector<double> uniform(const std::string& name, size_t count);

// |a - b| / |b| in L2, in double.
double relative_l2(const float* a, const float* b, size_t count);
inline double relative_l2(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() ? relative_l2(a.data(), b.data(), a.size()) : 1e300;
}

}  // namespace levit::tests

#endif  // LEVIT_TESTS_SUPPORT_NPY_H_
