#include "tests/support/npy.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace levit::tests {

std::string data_path(const std::string& name) {
  return std::string(LEVIT_TEST_DATA) + "/" + name;
}

std::string load_text(const std::string& name) {
  std::ifstream file(data_path(name), std::ios::binary);
  if (!file) throw std::runtime_error(data_path(name) + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

Array load_npy(const std::string& name) {
  const std::string bytes = load_text(name);
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0)
    throw std::runtime_error(data_path(name) + ": not an .npy file");
  const size_t start = 10 + static_cast<uint8_t>(bytes[8]) + 256u * static_cast<uint8_t>(bytes[9]);
  const std::string header = bytes.substr(10, start - 10);
  const bool is_float = header.find("'<f4'") != std::string::npos;
  if (!is_float && header.find("'<i8'") == std::string::npos)
    throw std::runtime_error(data_path(name) + ": neither float32 nor int64");
  Array array;
  size_t count = 1;
  for (size_t at = header.find("'shape': (") + 10; header[at] != ')';) {
    if (header[at] >= '0' && header[at] <= '9') {
      size_t used = 0;
      array.shape.push_back(std::stoul(header.substr(at), &used));
      count *= array.shape.back();
      at += used;
    } else {
      ++at;
    }
  }
  if (bytes.size() - start < count * (is_float ? 4 : 8))
    throw std::runtime_error(data_path(name) + ": truncated");
  array.values.resize(count);
  for (size_t i = 0; i < count; ++i) {
    if (is_float) {
      std::memcpy(&array.values[i], bytes.data() + start + 4 * i, 4);
    } else {
      int64_t value = 0;
      std::memcpy(&value, bytes.data() + start + 8 * i, 8);
      array.values[i] = static_cast<float>(value);
    }
  }
  return array;
}

std::vector<double> uniform(const std::string& name, size_t count) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i) {
    uint64_t z = hash + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z = z ^ (z >> 31);
    values[i] = static_cast<double>(z >> 40) / 8388608.0 - 1.0;
  }
  return values;
}

double relative_l2(const float* a, const float* b, size_t count) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < count; ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

}  // namespace levit::tests
