// Zip and safetensors in detail: files made here, one property changed at a time.
#include <doctest/doctest.h>

#include <cstring>

#include "tests/tools/checkpoint_files.h"
#include "tools/checkpoint/safetensors.h"
#include "tools/checkpoint/zip.h"

namespace levit::tests {
namespace {

using namespace std::string_literals;

std::string little(uint64_t value, size_t bytes) {
  std::string text(bytes, '\0');
  std::memcpy(text.data(), &value, bytes);
  return text;
}

struct ZipFault {
  uint64_t method = 0, flags = 0;
  size_t copies = 1;  // of the entry in the directory
};

// A zip of one stored entry whose sizes and places stand in zip64 records, as torch writes large files.
std::string zip64_file(const std::string& name, const std::string& data, const ZipFault& fault = {}) {
  const std::string all_ones = little(0xffffffff, 4), crc = little(tools::crc32(data), 4);
  const std::string local = "PK\x03\x04" + little(45, 2) + little(fault.flags, 2) + little(fault.method, 2) +
                            little(0, 4) + crc + all_ones + all_ones + little(name.size(), 2) +
                            little(20, 2) + name + little(1, 2) + little(16, 2) + little(data.size(), 8) +
                            little(data.size(), 8);
  const std::string extra =
      little(1, 2) + little(24, 2) + little(data.size(), 8) + little(data.size(), 8) + little(0, 8);
  const std::string central = "PK\x01\x02" + little(45, 2) + little(45, 2) + little(fault.flags, 2) +
                              little(fault.method, 2) + little(0, 4) + crc + all_ones + all_ones +
                              little(name.size(), 2) + little(extra.size(), 2) + little(0, 2) + little(0, 2) +
                              little(0, 2) + little(0, 4) + all_ones + name + extra;
  std::string file = local + data;
  const size_t directory = file.size();
  for (size_t i = 0; i < fault.copies; ++i) file += central;
  const size_t end64 = file.size();
  file += "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) +
          little(fault.copies, 8) + little(fault.copies, 8) + little(end64 - directory, 8) +
          little(directory, 8);
  file += "PK\x06\x07" + little(0, 4) + little(end64, 8) + little(1, 4);
  return file + "PK\x05\x06" + little(0, 4) + little(0xffff, 2) + little(0xffff, 2) + all_ones + all_ones +
         little(0, 2);
}

std::string zip_refusal(const std::string& file) {
  return thrown_by([&] { tools::read_zip(file); });
}

std::string safetensors_file(const std::string& header, size_t data_bytes) {
  return little(header.size(), 8) + header + std::string(data_bytes, '\0');
}

std::string header_refusal(const std::string& header, size_t data_bytes = 0) {
  const std::string file = safetensors_file(header, data_bytes);
  return thrown_by([&] { tools::read_safetensors(file); });
}

}  // namespace

TEST_CASE("CRC-32 has its check value") {
  CHECK(tools::crc32("123456789") == 0xcbf43926u);
}

TEST_CASE("zip64 sizes and places are read") {
  const std::string file = zip64_file("a/data/0", "twelve bytes");
  const tools::ZipDirectory directory = tools::read_zip(file);
  REQUIRE(directory.size() == 1);
  const auto& [name, entry] = *directory.begin();
  CHECK(name == "a/data/0");
  CHECK(tools::checked_data(name, entry) == "twelve bytes");
}

TEST_CASE("a zip cut off anywhere is refused") {
  const std::string file = zip64_file("a/data/0", "twelve bytes");
  for (size_t size = 0; size < file.size(); ++size) CHECK(zip_refusal(file.substr(0, size)) != "");
}

TEST_CASE("a zip entry with a changed bit is refused") {
  std::string file = zip64_file("a", "twelve bytes");
  file[file.find("twelve") + 2] ^= 0x10;
  const tools::ZipDirectory directory = tools::read_zip(file);
  CHECK(names(thrown_by([&] { tools::checked_data("a", directory.at("a")); }), "'a' is damaged: its CRC-32"));
}

TEST_CASE("zip entries that torch never writes are refused by name") {
  CHECK(names(zip_refusal(zip64_file("a", "data", {8, 0, 1})), "'a' is compressed (deflated)"));
  CHECK(names(zip_refusal(zip64_file("a", "data", {12, 0, 1})), "'a' is compressed (method 12)"));
  CHECK(names(zip_refusal(zip64_file("a", "data", {0, 1, 1})), "'a' is encrypted"));
  CHECK(names(zip_refusal(zip64_file("a", "data", {0, 0, 2})), "the entry 'a' twice"));
}

TEST_CASE("a safetensors header may hold metadata, scalars and empty tensors") {
  const std::string file = safetensors_file(
      R"({"__metadata__":{"format":"pt"},"b":{"shape":[],"dtype":"I64","data_offsets":[0,8]},)"
      R"("a":{"dtype":"F32","shape":[0,3],"data_offsets":[8,8]}}   )",
      8);
  const tools::StateDict dict = tools::read_safetensors(file);
  REQUIRE(dict.size() == 2);
  CHECK(tools::integers(dict.at("b")) == std::vector<int64_t>{0});
  CHECK(tools::widened(dict.at("a")).empty());
}

TEST_CASE("a safetensors header of another structure is refused") {
  CHECK(names(header_refusal("7"), "not a JSON object"));
  CHECK(names(header_refusal("{} x"), "not complete JSON"));
  CHECK(names(header_refusal(R"({"a":7})"), "'a': holds a number out of place"));
  CHECK(names(header_refusal(R"({"a":{}})"), "'a': lacks dtype, shape or data_offsets"));
  CHECK(names(header_refusal(R"({"a":{"dtype":7}})"), "'a': holds a number out of place"));
  CHECK(names(header_refusal(R"({"a":{"dtype":"F32","dtype":"F32"}})"), "'a': has the field 'dtype' twice"));
  CHECK(names(header_refusal(R"({"a":{"stride":[1]}})"), "'a': has the unknown field 'stride'"));
  CHECK(names(header_refusal(R"({"a":{"shape":[[1]]}})"), "'a': holds an array out of place"));
  CHECK(names(header_refusal(R"({"a":{"shape":[null]}})"), "'a': holds null"));
  CHECK(names(header_refusal(R"({"a":{"shape":{}}})"), "'a': holds an object"));
  CHECK(names(header_refusal(R"({"__metadata__":{"epoch":7}})"), "'__metadata__': holds a number"));
  CHECK(names(header_refusal(R"({"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,0]}})"),
              "not an integer"));
  CHECK(names(header_refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", 8),
              "data_offsets are not two"));
}

}  // namespace levit::tests
