// The header of .npy is a Python literal: a small parser for exactly what NumPy writes there.
#include "tools/common/npy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace levit::tools {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kAlignment = 64;  // of the values in files that NumPy writes

[[noreturn]] void fail(const std::string& cause) {
  throw std::runtime_error(cause);
}

// What descr says, in words where there are some.
std::string type_name(std::string_view descr) {
  const std::string bits = descr.size() == 3 ? std::to_string(8 * (descr[2] - '0')) : "";
  if (descr == ">f4") return "big-endian float32";
  if (bits.empty() || descr[2] < '1' || descr[2] > '8') return "another type";
  switch (descr[1]) {
    case 'f':
      return "float" + bits;
    case 'i':
      return "int" + bits;
    case 'u':
      return "uint" + bits;
    case 'c':
      return "complex" + bits;
    case 'b':
      return "bool";
    default:
      return "another type";
  }
}

// The dictionary {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } with its keys in any order.
class Dictionary {
 public:
  explicit Dictionary(std::string_view text) : text_(text) {}

  std::vector<size_t> shape() {
    expect('{');
    bool descr = false, order = false, shape_given = false;
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = true;
        read_type();
      } else if (key == "fortran_order" && !order) {
        order = true;
        read_order();
      } else if (key == "shape" && !shape_given) {
        shape_given = true;
        read_shape();
      } else {
        fail("a damaged .npy header (keys)");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail("a damaged .npy header (text behind it)");
    if (!descr || !order || !shape_given) fail("a damaged .npy header (a key is missing)");
    return shape_;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(std::string("a damaged .npy header (no ") + c + ")");
  }

  bool accept_word(std::string_view word) {
    skip_space();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  std::string_view quoted() {
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail("a damaged .npy header (no closing quote)");
    const std::string_view content = text_.substr(at_, end - at_);
    at_ = end + 1;
    return content;
  }

  void read_type() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[') fail("holds records; float32 is read");
    const std::string_view descr = quoted();
    if (descr != "<f4") fail("holds " + type_name(descr) + "; float32 is read");
  }

  void read_order() {
    if (accept_word("True")) fail("is in Fortran order; C order is read");
    if (!accept_word("False")) fail("a damaged .npy header (fortran_order)");
  }

  void read_shape() {
    expect('(');
    bool comma = true;  // in front of the next number
    while (!accept(')')) {
      if (!comma) fail("a damaged .npy header (shape)");
      shape_.push_back(number());
      comma = accept(',');
    }
    if (shape_.size() == 1 && !comma) fail("a damaged .npy header (shape)");  // (3) is a number, (3,) a shape
  }

  size_t number() {
    skip_space();
    const size_t start = at_;
    size_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const auto digit = static_cast<size_t>(text_[at_] - '0');
      if (value > (SIZE_MAX - digit) / 10) fail("a damaged .npy header (shape too large)");
      value = 10 * value + digit;
    }
    if (at_ == start) fail("a damaged .npy header (shape)");
    return value;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<size_t> shape_;
};

// Reads up to `size` bytes from `offset`; fewer at the file's end only.
size_t read_at(int file, size_t offset, void* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(file, static_cast<uint8_t*>(out) + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(std::strerror(errno));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

NpyHeader check_file(int file) {
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0) fail(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail("a directory, not an .npy file");
  if (!S_ISREG(status.st_mode)) fail("not a regular file");
  const auto bytes = static_cast<size_t>(status.st_size);
  std::vector<uint8_t> start(std::min(bytes, kLargestNpyHeader));
  start.resize(read_at(file, 0, start.data(), start.size()));
  NpyHeader header = parse_npy_header(start.data(), start.size());
  if ((bytes - header.begin) / sizeof(float) < header.count)
    fail("a truncated .npy file (the file ends early)");
  if (bytes - header.begin != header.count * sizeof(float)) fail("longer than its header says");
  return header;
}

}  // namespace

NpyHeader parse_npy_header(const uint8_t* bytes, size_t size) {
  if (size == 0) fail("an empty file");
  if (size < kMagic.size() || std::memcmp(bytes, kMagic.data(), kMagic.size()) != 0) fail("not an .npy file");
  if (size < 10) fail("a truncated .npy file (the file ends early)");
  const int major = bytes[6], minor = bytes[7];
  if (major < 1 || major > 3 || minor != 0)
    fail("an .npy file of version " + std::to_string(major) + "." + std::to_string(minor) +
         "; 1.0 to 3.0 are read");
  const size_t length_bytes = major == 1 ? 2 : 4;
  if (size < 8 + length_bytes) fail("a truncated .npy file (the file ends early)");
  size_t length = 0;
  for (size_t i = length_bytes; i-- > 0;) length = length << 8 | bytes[8 + i];
  const size_t text = 8 + length_bytes;
  if (length > kLargestNpyHeader - text) fail("a damaged .npy header (too long)");
  if (size - text < length) fail("a truncated .npy file (the file ends early)");

  NpyHeader header;
  header.begin = text + length;
  header.shape = Dictionary({reinterpret_cast<const char*>(bytes) + text, length}).shape();
  const bool empty = std::find(header.shape.begin(), header.shape.end(), size_t{0}) != header.shape.end();
  header.count = empty ? 0 : 1;
  for (const size_t side : header.shape) {
    // Counted in bytes, so that neither the values nor their offsets leave a size_t.
    if (!empty && side > (SIZE_MAX / 2 - header.begin) / sizeof(float) / header.count)
      fail("a damaged .npy header (shape too large)");
    header.count *= side;
  }
  return header;
}

NpyFile::NpyFile(const std::string& path) : path_(path), file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  try {
    header_ = check_file(file_);
  } catch (const std::runtime_error& error) {
    if (file_ >= 0) close(file_);
    fail(path_ + ": " + error.what());
  }
}

NpyFile::~NpyFile() {
  close(file_);
}

void NpyFile::read(size_t first, size_t count, float* values) const {
  static_assert(sizeof(float) == 4);
  if (first > header_.count || count > header_.count - first) fail(path_ + ": read behind the end");
  try {
    if (read_at(file_, header_.begin + first * sizeof(float), values, count * sizeof(float)) !=
        count * sizeof(float))
      fail("a truncated .npy file (it became shorter)");
  } catch (const std::runtime_error& error) {
    fail(path_ + ": " + error.what());
  }
}

void write_npy(const std::string& path, const std::vector<size_t>& shape, const float* values) {
  std::string sides;
  size_t count = 1;
  for (const size_t side : shape) {
    sides += std::to_string(side) + (shape.size() == 1 ? "," : ", ");
    count *= side;
  }
  if (shape.size() > 1) sides.resize(sides.size() - 2);
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + sides + "), }";
  const size_t used = kMagic.size() + 4 + text.size() + 1;
  text.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  text += '\n';

  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) fail(path + ": " + std::strerror(errno));
  struct stat status {};
  const bool regular = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode);
  const char header[] = {1, 0, static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  bool good = std::fwrite(kMagic.data(), 1, kMagic.size(), file) == kMagic.size() &&
              std::fwrite(header, 1, sizeof(header), file) == sizeof(header) &&
              std::fwrite(text.data(), 1, text.size(), file) == text.size() &&
              (count == 0 || std::fwrite(values, sizeof(float), count, file) == count);
  int error = good ? 0 : errno;
  if (std::fclose(file) != 0 && good) {
    good = false;
    error = errno;
  }
  if (!good) {
    if (regular) std::remove(path.c_str());
    fail(path + ": " + std::strerror(error));
  }
}

}  // namespace levit::tools
