#include "tools/picture/exif.h"

namespace levit::tools {
namespace {

constexpr uint32_t kOrientation = 0x0112, kShort = 3, kLong = 4;
constexpr size_t kHeaderBytes = 8, kEntryBytes = 12;

uint32_t integer(const uint8_t* at, size_t bytes, bool big_endian) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | at[big_endian ? i : bytes - 1 - i];
  return value;
}

}  // namespace

int exif_orientation(const uint8_t* tiff, size_t bytes) {
  if (bytes < kHeaderBytes || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M')) return 1;
  const bool big = tiff[0] == 'M';
  const size_t directory = integer(tiff + 4, 4, big);
  if (integer(tiff + 2, 2, big) != 42 || directory < kHeaderBytes || directory > bytes - 2) return 1;
  const size_t claimed = integer(tiff + directory, 2, big);
  const size_t present = (bytes - directory - 2) / kEntryBytes;
  for (size_t i = 0; i < claimed && i < present; ++i) {
    const uint8_t* entry = tiff + directory + 2 + i * kEntryBytes;  // tag, type, count, value
    if (integer(entry, 2, big) != kOrientation) continue;
    const uint32_t type = integer(entry + 2, 2, big), count = integer(entry + 4, 4, big);
    if ((type != kShort && type != kLong) || count != 1) return 1;
    const uint32_t value = integer(entry + 8, type == kShort ? 2 : 4, big);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace levit::tools
