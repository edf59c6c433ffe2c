#include "tools/common/npy.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/npy.h"

namespace {

using levit::tools::NpyFile;
using levit::tools::NpyHeader;
using levit::tools::parse_npy_header;

// An .npy file's bytes in front of the values.
std::string npy(const std::string& dictionary, int major = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(major);
  out += '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) out += static_cast<char>(dictionary.size() >> 8 * i);
  return out + dictionary;
}

std::string with_shape(const std::string& shape) {
  return npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }\n");
}

NpyHeader parse(const std::string& bytes) {
  const std::vector<uint8_t> copy(bytes.begin(), bytes.end());  // of exactly that size, for the sanitizers
  return parse_npy_header(copy.data(), copy.size());
}

// The cause that bytes are refused for; empty when they are not.
std::string refusal(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

std::string temporary(const std::string& name) {
  return (std::filesystem::temp_directory_path() / ("levit_npy_test_" + std::to_string(getpid()) + name))
      .string();
}

std::string write_bytes(const std::string& name, const std::string& bytes) {
  const std::string path = temporary(name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string open_message(const std::string& path) {
  try {
    NpyFile file(path);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a file that NumPy wrote is read whole and in pieces") {
  const NpyFile file(levit::tests::data_path("preprocess/normalised.npy"));
  REQUIRE(file.shape() == std::vector<size_t>{3, 256});
  REQUIRE(file.count() == 768);
  std::vector<float> whole(768), piece(100);
  file.read(0, 768, whole.data());
  CHECK(whole == levit::tests::load_npy("preprocess/normalised.npy").values);
  file.read(668, 100, piece.data());
  CHECK(std::memcmp(piece.data(), whole.data() + 668, 100 * sizeof(float)) == 0);
  file.read(768, 0, piece.data());
  CHECK_THROWS_AS(file.read(669, 100, piece.data()), std::runtime_error);
  CHECK_THROWS_AS(file.read(769, 0, piece.data()), std::runtime_error);
}

TEST_CASE("what is written is read back") {
  const std::vector<std::vector<size_t>> shapes = {{}, {5}, {2, 3, 4}, {0, 3}};
  for (const auto& shape : shapes) {
    CAPTURE(shape.size());
    size_t count = 1;
    for (const size_t side : shape) count *= side;
    std::vector<float> values(count), read(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) / 7;
    const std::string path = temporary("written.npy");
    levit::tools::write_npy(path, shape, values.data());
    {
      const NpyFile file(path);
      CHECK(file.shape() == shape);
      CHECK((std::filesystem::file_size(path) - count * sizeof(float)) % 64 == 0);
      file.read(0, count, read.data());
      CHECK(read == values);
    }
    std::filesystem::remove(path);
  }
  const std::string nowhere = temporary("no_folder") + "/x.npy";
  CHECK_THROWS_WITH_AS(levit::tools::write_npy(nowhere, {0}, nullptr),
                       (nowhere + ": No such file or directory").c_str(), std::runtime_error);
}

TEST_CASE("all three versions, keys in any order and either kind of quotes are read") {
  const std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n";
  for (const int major : {1, 2, 3}) {
    const NpyHeader header = parse(npy(dictionary, major));
    CHECK(header.shape == std::vector<size_t>{2, 3});
    CHECK(header.count == 6);
    CHECK(header.begin == (major == 1 ? 10 : 12) + dictionary.size());
  }
  CHECK(parse(npy("{\"shape\":(7,),\"fortran_order\":False,\"descr\":\"<f4\"}")).count == 7);
  CHECK(parse(with_shape("()")).count == 1);
  CHECK(parse(with_shape("(0, 5)")).count == 0);
}

TEST_CASE("other types and Fortran order are refused by name") {
  const auto type = [](const std::string& descr) {
    return refusal(npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': (1,), }"));
  };
  CHECK(type("'<f8'") == "holds float64; float32 is read");
  CHECK(type("'<f2'") == "holds float16; float32 is read");
  CHECK(type("'|u1'") == "holds uint8; float32 is read");
  CHECK(type("'<i8'") == "holds int64; float32 is read");
  CHECK(type("'<c8'") == "holds complex64; float32 is read");
  CHECK(type("'>f4'") == "holds big-endian float32; float32 is read");
  CHECK(type("'|O'") == "holds another type; float32 is read");
  CHECK(type("'<U10'") == "holds another type; float32 is read");
  CHECK(type("[('a', '<f4')]") == "holds records; float32 is read");
  CHECK(refusal(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }")) ==
        "is in Fortran order; C order is read");
}

TEST_CASE("a header cut at any byte is refused") {
  const std::string whole = with_shape("(1, 3, 224, 224)");
  CHECK(refusal(whole) == "");
  CHECK(refusal("") == "an empty file");
  for (size_t size = 1; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(whole.substr(0, size)) ==
          (size < 6 ? "not an .npy file" : "a truncated .npy file (the file ends early)"));
  }
}

TEST_CASE("shapes that overflow or are no shapes are refused") {
  const std::string large = "a damaged .npy header (shape too large)";
  CHECK(refusal(with_shape("(18446744073709551616,)")) == large);
  CHECK(refusal(with_shape("(18446744073709551615,)")) == large);
  CHECK(refusal(with_shape("(2305843009213693952,)")) == large);  // 2^61 values are 2^63 bytes
  CHECK(refusal(with_shape("(4294967296, 4294967296)")) == large);
  CHECK(refusal(with_shape("(4294967296, 4294967296, 0)")) == "");
  CHECK(refusal(with_shape("(1152921504606846000,)")) == "");
  const std::string damaged = "a damaged .npy header (shape)";
  for (const char* shape : {"(3)", "(-1,)", "(1 2)", "(,)", "(1,,2)", "(a,)", "(1.0,)"}) {
    CAPTURE(shape);
    CHECK(refusal(with_shape(shape)) == damaged);
  }
}

TEST_CASE("a header that is no such dictionary is refused") {
  CHECK(refusal(npy("{'descr': '<f4', 'fortran_order': False, }")) ==
        "a damaged .npy header (a key is missing)");
  CHECK(refusal(npy("{'descr': '<f4', 'descr': '<f4', }")) == "a damaged .npy header (keys)");
  CHECK(refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}")) ==
        "a damaged .npy header (keys)");
  CHECK(refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x")) ==
        "a damaged .npy header (text behind it)");
  CHECK(refusal(npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}")) ==
        "a damaged .npy header (fortran_order)");
  CHECK(refusal(npy("{'descr': '<f4")) == "a damaged .npy header (no closing quote)");
  CHECK(refusal(npy("")) == "a damaged .npy header (no {)");
  std::string version = with_shape("(1,)");
  version[6] = 4;
  CHECK(refusal(version) == "an .npy file of version 4.0; 1.0 to 3.0 are read");
  std::string huge = npy("{}", 2);
  huge[11] = '\x7f';
  CHECK(refusal(huge) == "a damaged .npy header (too long)");
}

TEST_CASE("a file must hold exactly the values of its header") {
  const std::string header = with_shape("(2, 3)");
  const std::string path = write_bytes("exact.npy", header + std::string(24, '\0'));
  CHECK(open_message(path) == "");
  write_bytes("exact.npy", header + std::string(23, '\0'));
  CHECK(open_message(path) == path + ": a truncated .npy file (the file ends early)");
  write_bytes("exact.npy", header + std::string(25, '\0'));
  CHECK(open_message(path) == path + ": longer than its header says");
  write_bytes("exact.npy", with_shape("(1000000, 3, 224, 224)"));
  CHECK(open_message(path) == path + ": a truncated .npy file (the file ends early)");
  std::filesystem::remove(path);
  CHECK(open_message(path) == path + ": No such file or directory");
  const std::string folder = levit::tests::data_path("preprocess");
  CHECK(open_message(folder) == folder + ": a directory, not an .npy file");
}
