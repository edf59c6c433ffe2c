// Named tensors as a checkpoint holds them: views into the bytes of the file, widened one at a time when they
// are read.
#ifndef LEVIT_TOOLS_CHECKPOINT_STATE_DICT_H_
#define LEVIT_TOOLS_CHECKPOINT_STATE_DICT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace levit::tools {

enum class DType : uint8_t { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

// Dimensions that a reader accepts; torch itself has not more than 64, a LeViT 4.
inline constexpr size_t kMaxRank = 16;

// Bytes of one element.
size_t dtype_size(DType dtype);

// "float32", "int64" and so on.
const char* dtype_name(DType dtype);

bool is_floating(DType dtype);

// A tensor whose elements lie, little-endian and of any alignment, in memory that outlives it. Readers make
// only tensors with every element inside the file; with strides of 0 there may be more of them than the file
// has bytes, so that whoever widens a tensor checks its shape first.
struct Tensor {
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> stride;   // in elements, one per dimension
  const uint8_t* data = nullptr;  // element [0, ..., 0]
  std::string fault;              // why its elements cannot be read; empty: they can
  size_t container = 0;           // how much of its name leads to the dict that holds it: "model_ema."
  std::string operation;          // no tensor but a module without any, which a pickled module tells: "ReLU"
  double epsilon = 1e-5;          // of a running_var: what its batch norm adds, which a pickled module tells
};

using StateDict = std::map<std::string, Tensor>;

// A row-major tensor over `data`.
Tensor dense_tensor(DType dtype, std::vector<uint64_t> shape, const void* data);

// Number of elements: 1 for a scalar.
uint64_t element_count(const Tensor& tensor);

// Product of `shape`; false if it does not fit 63 bits.
bool element_count(const std::vector<uint64_t>& shape, uint64_t* count);

// All elements in row-major order, widened exactly (integers beyond 2^53 are rounded).
std::vector<double> widened(const Tensor& tensor);

// All elements of an integer tensor in row-major order.
std::vector<int64_t> integers(const Tensor& tensor);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_STATE_DICT_H_
