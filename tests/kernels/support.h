// What the kernel tests share: guarded buffers, seeded numbers, panels, complex steps.
#ifndef LEVIT_TESTS_KERNELS_SUPPORT_H_
#define LEVIT_TESTS_KERNELS_SUPPORT_H_

#include <complex>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/panels.h"

namespace levit::tests {

using Complex = std::complex<double>;

// Half of the distance from 1 to the next float: the largest relative error of one rounding.
inline constexpr double kRounding = 0x1p-24;

// Pages of which the last ends with the array, between two pages that may not be touched.
class GuardedPages {
 public:
  explicit GuardedPages(size_t bytes);
  ~GuardedPages();
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;
  void* data() const { return data_; }

 private:
  void* map_;
  size_t map_bytes_;
  void* data_;
};

// An array behind whose last element every access faults. It starts at whatever alignment that gives; sizes
// in whole cache lines give aligned starts.
template <class T>
class Guarded {
 public:
  explicit Guarded(size_t count) : pages_(std::make_unique<GuardedPages>(count * sizeof(T))), count_(count) {}
  explicit Guarded(const std::vector<T>& values) : Guarded(values.size()) {
    if (!values.empty()) {
      std::memcpy(data(), values.data(), count_ * sizeof(T));
    }
  }
  T* data() const { return static_cast<T*>(pages_->data()); }
  size_t size() const { return count_; }
  T* begin() const { return data(); }
  T* end() const { return data() + count_; }
  T& operator[](size_t i) const { return data()[i]; }
  std::vector<T> values() const { return {begin(), end()}; }

 private:
  std::unique_ptr<GuardedPages> pages_;
  size_t count_;
};

// Calls `check` with every target that this processor runs, its name captured.
void for_each_target(const std::function<void(const kernels::Dispatch&)>& check);

// float32(scale * uniform(name)[i]).
std::vector<float> seeded(const std::string& name, size_t count, double scale = 1);

template <class To, class From>
std::vector<To> converted(const std::vector<From>& values) {
  return {values.begin(), values.end()};
}
std::vector<Complex> to_complex(const std::vector<float>& values);
std::vector<double> magnitudes(const std::vector<float>& values);

inline constexpr kernels::Number kNumbers[] = {kernels::Number::kFloat, kernels::Number::kHalf,
                                               kernels::Number::kInt8};

// A matrix w [outputs, depth] in panels. `weights` are what the panels mean: w rounded to their numbers.
struct PackedWeights {
  PackedWeights(const std::vector<float>& w, size_t outputs, size_t depth, kernels::Number number);
  kernels::Panels panels() const {
    return {bytes.data(), number, outputs, depth, number == kernels::Number::kInt8 ? scale.data() : nullptr};
  }

  kernels::Number number;
  size_t outputs, depth;
  std::vector<float> weights;
  Guarded<uint8_t> bytes;
  Guarded<float> scale;
};

// The matrix [outputs, depth] that fp32 panels hold; checks that their padding is zero.
std::vector<float> from_panels(const float* panels, size_t outputs, size_t depth);

// A per-output array padded with zeros to whole panels.
Guarded<float> padded_to_panels(const std::vector<float>& values);

// The gradient of sum over i of dy[i] y[i] to every x, where y = f(x): one complex step for each x.
std::vector<double> complex_step(const std::vector<float>& x, const std::vector<float>& dy,
                                 const std::function<std::vector<Complex>(const std::vector<Complex>&)>& f);

// Checks |actual[i] - expected[i]| <= tolerance[i] for all i, reporting the worst.
void check_close(const float* actual, const std::vector<double>& expected,
                 const std::vector<double>& tolerance);

// The bound on the rounding of a sum of `terms` products, each added with one or two roundings, that went
// through hardswish (slope at most 1.5, four roundings) and a residual: magnitude is the same sum of absolute
// values.
inline double product_tolerance(size_t terms, double magnitude) {
  return static_cast<double>(2 * terms + 8) * kRounding * 1.5 * magnitude;
}

}  // namespace levit::tests

#endif  // LEVIT_TESTS_KERNELS_SUPPORT_H_
