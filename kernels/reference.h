// Every operation once more in plain scalar code over the number type: the text to read first, and the oracle
// of the kernel tests. T is float, double or std::complex<double>; the last gives derivatives without
// differences, by a complex step: df/dx = imag(f(x + i h)) / h, exact to rounding for h = 1e-30 (Squire and
// Trapp 1998).
//
// All matrices are row-major and contiguous; weights are [outputs, depth], not panels.
#ifndef LEVIT_KERNELS_REFERENCE_H_
#define LEVIT_KERNELS_REFERENCE_H_

#include <cmath>
#include <complex>
#include <cstddef>

#include "kernels/attention.h"

namespace levit::kernels::reference {

inline double real(float x) {
  return static_cast<double>(x);
}
inline double real(double x) {
  return x;
}
inline double real(std::complex<double> x) {
  return x.real();
}

// x * min(max(x + 3, 0), 6) / 6.
template <class T>
T hardswish(T x) {
  if (real(x) <= -3) {
    return T(0);
  }
  return real(x) >= 3 ? x : x * (x + T(3)) / T(6);
}

// y [rows, outputs] = x [rows, depth] w^T + b; b may be null.
template <class T>
void linear(const T* x, const T* w, const T* b, size_t rows, size_t outputs, size_t depth, T* y) {
  for (size_t m = 0; m < rows; ++m) {
    for (size_t n = 0; n < outputs; ++n) {
      T sum = b != nullptr ? b[n] : T(0);
      for (size_t k = 0; k < depth; ++k) {
        sum += x[m * depth + k] * w[n * depth + k];
      }
      y[m * outputs + n] = sum;
    }
  }
}

// 3x3, stride 2, padding 1. in [height, width, cin], w [cout, 3, 3, cin], out [ceil(height / 2), ceil(width /
// 2), cout].
template <class T>
void conv3x3(const T* in, const T* w, const T* b, size_t height, size_t width, size_t cin, size_t cout,
             T* out) {
  for (size_t y = 0; y < (height + 1) / 2; ++y) {
    for (size_t x = 0; x < (width + 1) / 2; ++x) {
      for (size_t o = 0; o < cout; ++o) {
        T sum = b != nullptr ? b[o] : T(0);
        for (size_t ky = 0; ky < 3; ++ky) {
          for (size_t kx = 0; kx < 3; ++kx) {
            const size_t iy = 2 * y + ky - 1;  // -1 wraps to a huge number
            const size_t ix = 2 * x + kx - 1;
            if (iy >= height || ix >= width) {
              continue;
            }
            for (size_t i = 0; i < cin; ++i) {
              sum += in[(iy * width + ix) * cin + i] * w[((o * 3 + ky) * 3 + kx) * cin + i];
            }
          }
        }
        *out++ = sum;
      }
    }
  }
}

// y [channels] = mean over the rows of x [tokens, channels].
template <class T>
void mean_pool(const T* x, size_t tokens, size_t channels, T* y) {
  for (size_t c = 0; c < channels; ++c) {
    T sum(0);
    for (size_t t = 0; t < tokens; ++t) {
      sum += x[t * channels + c];
    }
    y[c] = sum / T(static_cast<double>(tokens));
  }
}

// The even rows and columns of x [side, side, channels].
template <class T>
void subsample(const T* x, size_t side, size_t channels, T* y) {
  for (size_t i = 0; i < side; i += 2) {
    for (size_t j = 0; j < side; j += 2) {
      for (size_t c = 0; c < channels; ++c) {
        *y++ = x[(i * side + j) * channels + c];
      }
    }
  }
}

// y [columns] = e^x / sum, for one row.
template <class T>
void softmax(const T* x, size_t columns, T* y) {
  using std::exp;
  double top = real(x[0]);
  for (size_t j = 1; j < columns; ++j) {
    top = real(x[j]) > top ? real(x[j]) : top;
  }
  T sum(0);
  for (size_t j = 0; j < columns; ++j) {
    y[j] = exp(x[j] - T(top));
    sum += y[j];
  }
  for (size_t j = 0; j < columns; ++j) {
    y[j] /= sum;
  }
}

// One head: q [queries, key], k [side^2, key], v [side^2, value], bias [side, side]. p [side^2] is one row of
// probabilities.
template <class T>
void attention(const AttentionShape& s, const T* q, const T* k, const T* v, const T* bias, T* p, T* y) {
  const auto distance = [](size_t a, size_t b) { return a > b ? a - b : b - a; };
  const size_t keys = s.side * s.side;
  for (size_t yi = 0; yi < s.side; yi += s.stride) {
    for (size_t xi = 0; xi < s.side; xi += s.stride, q += s.key, y += s.value) {
      for (size_t j = 0; j < keys; ++j) {
        T dot(0);
        for (size_t c = 0; c < s.key; ++c) {
          dot += q[c] * k[j * s.key + c];
        }
        const size_t cell = distance(yi, j / s.side) * s.side + distance(xi, j % s.side);
        p[j] = dot / T(std::sqrt(static_cast<double>(s.key))) + bias[cell];
      }
      softmax(p, keys, p);
      for (size_t c = 0; c < s.value; ++c) {
        y[c] = T(0);
        for (size_t j = 0; j < keys; ++j) {
          y[c] += p[j] * v[j * s.value + c];
        }
      }
    }
  }
}

}  // namespace levit::kernels::reference

#endif  // LEVIT_KERNELS_REFERENCE_H_
