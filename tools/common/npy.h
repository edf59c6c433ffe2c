// NumPy's .npy files of float32: read piece by piece, so that a file of any length takes no memory, and
// written whole. (numpy.lib.format, versions 1.0, 2.0 and 3.0.)
#ifndef LEVIT_TOOLS_COMMON_NPY_H_
#define LEVIT_TOOLS_COMMON_NPY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace levit::tools {

struct NpyHeader {
  std::vector<size_t> shape;  // empty for a single value
  size_t count = 0;           // product of the shape
  size_t begin = 0;           // bytes in front of the values
};

// Bytes that parse_npy_header() wants to see at most.
inline constexpr size_t kLargestNpyHeader = 65536;

// The header of little-endian float32 values in C order at the start of `bytes`; `size` may stop anywhere
// behind the header. Throws std::runtime_error with the cause: other types and Fortran order are refused by
// name.
NpyHeader parse_npy_header(const uint8_t* bytes, size_t size);

// An open .npy file.
class NpyFile {
 public:
  // Throws std::runtime_error "path: cause"; the file must hold exactly the values that its header promises.
  explicit NpyFile(const std::string& path);
  ~NpyFile();
  NpyFile(const NpyFile&) = delete;
  NpyFile& operator=(const NpyFile&) = delete;

  const std::vector<size_t>& shape() const { return header_.shape; }
  size_t count() const { return header_.count; }

  // values [count] from position `first` of the flattened array; first + count <= this->count().
  void read(size_t first, size_t count, float* values) const;

 private:
  std::string path_;
  int file_ = -1;
  NpyHeader header_;
};

// Writes values [product of shape]. Throws std::runtime_error "path: cause" and leaves no half file.
void write_npy(const std::string& path, const std::vector<size_t>& shape, const float* values);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_NPY_H_
