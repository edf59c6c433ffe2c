// Elements of any type and stride to double.
#include "tools/checkpoint/state_dict.h"

#include <cstring>
#include <utility>

#include "kernels/panels.h"

namespace levit::tools {
namespace {

struct DTypeFacts {
  const char* name;
  size_t size;
  bool floating;
};

constexpr DTypeFacts kFacts[] = {{"float64", 8, true},  {"float32", 4, true}, {"float16", 2, true},
                                 {"bfloat16", 2, true}, {"int64", 8, false},  {"int32", 4, false},
                                 {"int16", 2, false},   {"int8", 1, false},   {"uint8", 1, false},
                                 {"bool", 1, false}};

const DTypeFacts& facts(DType dtype) {
  return kFacts[static_cast<size_t>(dtype)];
}

template <typename T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

double floating_element(DType dtype, const uint8_t* at) {
  switch (dtype) {
    case DType::kF64:
      return load<double>(at);
    case DType::kF16:
      return static_cast<double>(kernels::half_to_float(load<uint16_t>(at)));
    case DType::kBF16: {
      const uint32_t bits = uint32_t{load<uint16_t>(at)} << 16;
      float value;
      std::memcpy(&value, &bits, sizeof value);
      return static_cast<double>(value);
    }
    default:
      return static_cast<double>(load<float>(at));
  }
}

int64_t integer_element(DType dtype, const uint8_t* at) {
  switch (dtype) {
    case DType::kI64:
      return load<int64_t>(at);
    case DType::kI32:
      return load<int32_t>(at);
    case DType::kI16:
      return load<int16_t>(at);
    case DType::kI8:
      return load<int8_t>(at);
    default:
      return *at;
  }
}

// Calls visit(address) for every element in row-major order.
template <typename Visit>
void for_each_element(const Tensor& tensor, Visit visit) {
  const size_t rank = tensor.shape.size(), size = dtype_size(tensor.dtype);
  const uint64_t count = element_count(tensor);
  std::vector<uint64_t> index(rank);
  uint64_t offset = 0;
  for (uint64_t i = 0; i < count; ++i) {
    visit(tensor.data + offset * size);
    for (size_t d = rank; d-- > 0;) {
      offset += tensor.stride[d];
      if (++index[d] < tensor.shape[d]) break;
      offset -= tensor.stride[d] * tensor.shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace

size_t dtype_size(DType dtype) {
  return facts(dtype).size;
}

const char* dtype_name(DType dtype) {
  return facts(dtype).name;
}

bool is_floating(DType dtype) {
  return facts(dtype).floating;
}

Tensor dense_tensor(DType dtype, std::vector<uint64_t> shape, const void* data) {
  std::vector<uint64_t> stride(shape.size());
  uint64_t step = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    stride[d] = step;
    step *= shape[d];
  }
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  tensor.stride = std::move(stride);
  tensor.data = static_cast<const uint8_t*>(data);
  return tensor;
}

bool element_count(const std::vector<uint64_t>& shape, uint64_t* count) {
  *count = 1;
  bool fits = true;
  for (const uint64_t size : shape) {
    if (size == 0) {
      *count = 0;
      return true;
    }
    fits = fits && *count <= uint64_t{INT64_MAX} / size;
    if (fits) *count *= size;
  }
  return fits;
}

uint64_t element_count(const Tensor& tensor) {
  uint64_t count;
  element_count(tensor.shape, &count);
  return count;
}

std::vector<double> widened(const Tensor& tensor) {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(element_count(tensor)));
  const DType dtype = tensor.dtype;
  if (is_floating(dtype)) {
    for_each_element(tensor, [&](const uint8_t* at) { values.push_back(floating_element(dtype, at)); });
  } else {
    for_each_element(tensor, [&](const uint8_t* at) {
      values.push_back(static_cast<double>(integer_element(dtype, at)));
    });
  }
  return values;
}

std::vector<int64_t> integers(const Tensor& tensor) {
  std::vector<int64_t> values;
  values.reserve(static_cast<size_t>(element_count(tensor)));
  for_each_element(tensor, [&](const uint8_t* at) { values.push_back(integer_element(tensor.dtype, at)); });
  return values;
}

}  // namespace levit::tools
