#include "kernels/softmax.h"

#include <cmath>

#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void softmax(const Softmax& s) {
  for (size_t i = 0; i < s.rows; ++i) {
    const float* x = s.x + i * s.columns;
    float* y = s.y + i * s.columns;
    float top = x[0];
    for (size_t j = 1; j < s.columns; ++j) {
      top = x[j] > top ? x[j] : top;
    }
    float sum = 0;
    for (size_t j = 0; j < s.columns; ++j) {
      y[j] = std::exp(x[j] - top);
      sum += y[j];
    }
    for (size_t j = 0; j < s.columns; ++j) {
      y[j] /= sum;
    }
  }
}

void softmax_vjp(const SoftmaxVjp& s) {
  for (size_t i = 0; i < s.rows; ++i) {
    const size_t row = i * s.columns;
    float dot = 0;
    for (size_t j = 0; j < s.columns; ++j) {
      dot += s.dy[row + j] * s.y[row + j];
    }
    for (size_t j = 0; j < s.columns; ++j) {
      s.dx[row + j] = s.y[row + j] * (s.dy[row + j] - dot);
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
