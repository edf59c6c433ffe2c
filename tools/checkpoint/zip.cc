// The few fields of a zip that a stored entry needs. Nothing is unpacked.
#include "tools/checkpoint/zip.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr size_t kLongestComment = 0xffff;
constexpr uint16_t kZip64Extra = 1, kEncrypted = 1;
constexpr uint32_t kIn64 = 0xffffffff;  // a field whose value is in the zip64 record
constexpr uint16_t kIn64Short = 0xffff;

template <typename T>
T field(std::string_view record, size_t offset) {
  T value;
  std::memcpy(&value, record.data() + offset, sizeof value);
  return value;
}

// `bytes` bytes at `offset`, or an error.
std::string_view slice(std::string_view file, uint64_t offset, uint64_t bytes, const char* what) {
  if (offset > file.size() || bytes > file.size() - offset) {
    throw std::runtime_error(std::string("the zip's ") + what + " reaches beyond the end of the file");
  }
  return file.substr(static_cast<size_t>(offset), static_cast<size_t>(bytes));
}

struct DirectoryPlace {
  uint64_t entries, bytes, offset;
};

DirectoryPlace read_end64(std::string_view file, size_t end) {
  if (end < kLocator64Bytes || field<uint32_t>(file, end - kLocator64Bytes) != kLocator64Signature) {
    throw std::runtime_error("the zip lacks its zip64 locator");
  }
  const uint64_t at = field<uint64_t>(file, end - kLocator64Bytes + 8);
  const std::string_view record = slice(file, at, kEnd64Bytes, "zip64 end record");
  if (field<uint32_t>(record, 0) != kEnd64Signature)
    throw std::runtime_error("the zip's zip64 end record is damaged");
  return {field<uint64_t>(record, 32), field<uint64_t>(record, 40), field<uint64_t>(record, 48)};
}

// Whether the record at `end` is followed by its comment and then, if anything, by padding, and a directory
// lies where it says.
bool ends_zip(std::string_view file, size_t end, const DirectoryPlace& place) {
  if (field<uint16_t>(file, end + 20) == file.size() - end - kEndBytes) return true;
  if (field<uint16_t>(file, end + 20) > file.size() - end - kEndBytes) return false;
  if (place.offset > end || place.bytes > end - place.offset) return false;
  return place.entries == 0 ||
         (place.bytes >= kCentralBytes &&
          field<uint32_t>(file, static_cast<size_t>(place.offset)) == kCentralSignature);
}

DirectoryPlace find_directory(std::string_view file) {
  const size_t last = file.find_last_not_of('\0');  // blocks of a device or a tar behind the zip
  const size_t padding = last == std::string_view::npos ? 0 : file.size() - last - 1;
  const size_t farthest = std::min(file.size(), padding + kEndBytes + kLongestComment);
  for (size_t back = kEndBytes; back <= farthest; ++back) {
    const size_t end = file.size() - back;
    if (field<uint32_t>(file, end) != kEndSignature) continue;
    const DirectoryPlace place{field<uint16_t>(file, end + 10), field<uint32_t>(file, end + 12),
                               field<uint32_t>(file, end + 16)};
    if (place.entries == kIn64Short || place.bytes == kIn64 || place.offset == kIn64)
      return read_end64(file, end);
    if (ends_zip(file, end, place)) return place;
  }
  throw std::runtime_error("the zip has no end-of-central-directory record: the file is cut off");
}

struct Sizes {
  uint64_t unpacked, packed, header;
};

// Fields that are all ones stand, in this order, in the zip64 extra field.
void read_zip64_extra(std::string_view extra, Sizes* sizes) {
  while (extra.size() >= 4) {
    const auto id = field<uint16_t>(extra, 0), bytes = field<uint16_t>(extra, 2);
    if (bytes > extra.size() - 4) break;
    std::string_view rest = extra.substr(4, bytes);
    extra.remove_prefix(4 + size_t{bytes});
    if (id != kZip64Extra) continue;
    for (uint64_t* size : {&sizes->unpacked, &sizes->packed, &sizes->header}) {
      if (*size != kIn64 || rest.size() < 8) continue;
      *size = field<uint64_t>(rest, 0);
      rest.remove_prefix(8);
    }
    return;
  }
}

ZipEntry locate(std::string_view file, const std::string& name, std::string_view central,
                const Sizes& sizes) {
  const std::string entry = "zip entry " + in_quotes(name);
  const auto flags = field<uint16_t>(central, 8), method = field<uint16_t>(central, 10);
  if ((flags & kEncrypted) != 0) throw std::runtime_error(entry + " is encrypted");
  if (method != 0) {
    throw std::runtime_error(entry + " is compressed (" +
                             (method == 8 ? "deflated" : "method " + std::to_string(method)) +
                             "); torch stores entries uncompressed");
  }
  if (sizes.packed != sizes.unpacked) throw std::runtime_error(entry + " is stored, but has two sizes");
  const std::string_view local = slice(file, sizes.header, kLocalBytes, "local header");
  if (field<uint32_t>(local, 0) != kLocalSignature) throw std::runtime_error(entry + " has no local header");
  const uint64_t start = sizes.header + kLocalBytes + field<uint16_t>(local, 26) + field<uint16_t>(local, 28);
  if (start > file.size() || sizes.packed > file.size() - start) {
    throw std::runtime_error(entry + " claims " + std::to_string(sizes.packed) +
                             " bytes, beyond the end of the file");
  }
  return {file.substr(static_cast<size_t>(start), static_cast<size_t>(sizes.packed)),
          field<uint32_t>(central, 16)};
}

}  // namespace

ZipDirectory read_zip(std::string_view file) {
  const DirectoryPlace place = find_directory(file);
  std::string_view rest = slice(file, place.offset, place.bytes, "central directory");
  ZipDirectory directory;
  for (uint64_t i = 0; i < place.entries; ++i) {
    const std::string_view central = slice(rest, 0, kCentralBytes, "central directory");
    if (field<uint32_t>(central, 0) != kCentralSignature)
      throw std::runtime_error("the zip's directory is damaged");
    const size_t name_bytes = field<uint16_t>(central, 28), extra_bytes = field<uint16_t>(central, 30);
    const std::string name(slice(rest, kCentralBytes, name_bytes, "entry name"));
    Sizes sizes{field<uint32_t>(central, 24), field<uint32_t>(central, 20), field<uint32_t>(central, 42)};
    read_zip64_extra(slice(rest, kCentralBytes + name_bytes, extra_bytes, "entry extra"), &sizes);
    if (!directory.emplace(name, locate(file, name, central, sizes)).second) {
      throw std::runtime_error("the zip has the entry " + in_quotes(name) + " twice");
    }
    const size_t bytes = kCentralBytes + name_bytes + extra_bytes + field<uint16_t>(central, 32);
    rest = slice(rest, bytes, rest.size() - std::min(rest.size(), bytes), "central directory");
  }
  return directory;
}

std::string_view checked_data(const std::string& name, const ZipEntry& entry) {
  if (entry.crc != 0 && crc32(entry.data) != entry.crc) {
    throw std::runtime_error("zip entry " + in_quotes(name) + " is damaged: its CRC-32 does not fit");
  }
  return entry.data;
}

uint32_t crc32(std::string_view bytes) {
  static const auto kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
      table[i] = value;
    }
    return table;
  }();
  uint32_t crc = 0xffffffff;
  for (const char c : bytes) crc = kTable[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

}  // namespace levit::tools
