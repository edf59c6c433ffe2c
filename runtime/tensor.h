// Tensors of the runtime: views over the arena that carry their shape.
#ifndef LEVIT_RUNTIME_TENSOR_H_
#define LEVIT_RUNTIME_TENSOR_H_

#include <Eigen/Core>

#include "kernels/gemm.h"

namespace levit::runtime {

// Tokens by channels, row-major; the tokens of several pictures follow each other.
using Tokens = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

inline Tokens tokens(float* data, size_t rows, size_t channels) {
  return {data, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(channels)};
}
// A view's constness is that of its shape.
inline float* data(const Tokens& x) {
  return const_cast<float*>(x.data());
}
inline size_t rows(const Tokens& x) {
  return static_cast<size_t>(x.rows());
}
inline size_t channels(const Tokens& x) {
  return static_cast<size_t>(x.cols());
}

// A matrix as a GEMM reads it. The pointer inside refers to `data`, which must outlive the view.
inline kernels::SegmentedRows plain_rows(const float* const& data, size_t channels) {
  return {&data, 1, channels, channels};
}
inline kernels::OutputRows plain_columns(float* data, size_t channels) {
  return {data, channels, channels, 0};
}

// Some rows and columns of a tensor, rows a stride apart: a part of Tokens or of a head.
using StridedTokens = Eigen::Map<Tokens::PlainObject, Eigen::Unaligned, Eigen::OuterStride<>>;

// As a kernel takes it. A view's constness is that of its shape here too.
template <class Part>
kernels::Rows rows_of(const Part& x) {
  return {const_cast<float*>(x.data()), static_cast<size_t>(x.outerStride())};
}

// q, k and v of all heads, each [rows, width] at a stride.
struct Heads {
  float* data;
  size_t heads, rows, width;
  size_t head_stride, row_stride;

  StridedTokens head(size_t h) const {
    return {data + h * head_stride, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(width),
            Eigen::OuterStride<>(static_cast<Eigen::Index>(row_stride))};
  }
  bool head_major() const { return row_stride == width; }
};

// Head by head when the GEMM can write so (its column blocks are panels wide), else token by token.
inline Heads heads_over(float* data, size_t heads, size_t width, size_t rows) {
  if (width % kernels::kPanelWidth == 0 && heads <= kernels::kMaxSegments)
    return {data, heads, rows, width, rows * width, width};
  return {data, heads, rows, width, width, heads * width};
}

inline kernels::OutputRows columns_of(const Heads& x) {
  return x.head_major() ? kernels::OutputRows{x.data, x.width, x.width, x.head_stride}
                        : plain_columns(x.data, x.heads * x.width);
}

// Heads as the rows of a GEMM: one segment per head.
struct HeadSegments {
  const float* segment[kernels::kMaxSegments];

  kernels::SegmentedRows rows(const Heads& x) {
    if (!x.head_major()) {
      segment[0] = x.data;
      return {segment, 1, x.heads * x.width, x.row_stride};
    }
    for (size_t h = 0; h < x.heads; ++h) segment[h] = x.head(h).data();
    return {segment, x.heads, x.width, x.row_stride};
  }
};

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_TENSOR_H_
