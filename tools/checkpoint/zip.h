// The zip files that torch writes: entries stored without compression, zip64 where they are large.
#ifndef LEVIT_TOOLS_CHECKPOINT_ZIP_H_
#define LEVIT_TOOLS_CHECKPOINT_ZIP_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace levit::tools {

struct ZipEntry {
  std::string_view data;
  uint32_t crc;
};

// By name. Entries are views into the file.
using ZipDirectory = std::map<std::string, ZipEntry>;

// The central directory, with every entry's bytes located inside `file`; what lies behind its end is padding.
// Throws std::runtime_error naming the
// cause: a directory that is cut off, an entry that is compressed or encrypted or lies outside the file, a
// name that is there twice.
ZipDirectory read_zip(std::string_view file);

// The bytes of an entry. Throws std::runtime_error if their CRC-32 does not fit; 0 says that the writer did
// not compute it.
std::string_view checked_data(const std::string& name, const ZipEntry& entry);

// CRC-32 as zip has it: reflected polynomial 0xEDB88320, inverted before and after.
uint32_t crc32(std::string_view bytes);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_ZIP_H_
