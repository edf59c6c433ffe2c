// The checks, from the outside in: the envelope, the structure, the checksum and every number, the padding.
#include "weights/validate.h"

#include "weights/checksum.h"
#include "weights/familiarity.h"
#include "weights/layout.h"

namespace levit::weights {
namespace {

bool little_endian() {
  const uint16_t one = 1;
  uint8_t first;
  std::memcpy(&first, &one, 1);
  return first == 1;
}

// Known ones; one type of panels; an fp32 head where the other panels are not.
bool flags_fit(uint32_t flags) {
  constexpr uint32_t kTypes = kFlagHalf | kFlagInt8;
  return (flags & ~kKnownFlags) == 0 && (flags & kTypes) != kTypes &&
         ((flags & kFlagFloatHead) == 0 || (flags & kTypes) != 0);
}

// What must hold before the checksum can be believed to cover a file of this format.
Fault check_envelope(const uint8_t* image, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(image) % kAlignment != 0) return Fault::kMisaligned;
  const size_t magic = bytes < sizeof kMagic ? bytes : sizeof kMagic;
  if (std::memcmp(image, kMagic, magic) != 0) return Fault::kNoMagic;
  if (!little_endian()) return Fault::kByteOrder;
  if (bytes < kHeaderBytes) return Fault::kTruncated;
  if (load_u16(image + kAtVersionMajor) != kVersionMajor) return Fault::kVersion;
  const uint32_t flags = load_u32(image + kAtRequired);
  if (!flags_fit(flags)) return Fault::kFlags;
  const uint64_t file_bytes = load_u64(image + kAtFileBytes);
  if (file_bytes > bytes) return Fault::kTruncated;
  if (file_bytes < bytes) return Fault::kTrailing;
  return Fault::kNone;
}

// The parts of the header follow each other without gaps: fixed part, table of tensors, strings, zeros.
Fault check_header(const uint8_t* image, size_t bytes) {
  const uint64_t header = load_u32(image + kAtHeaderBytes), tensors = load_u32(image + kAtTensors);
  const uint64_t used = kHeaderBytes + tensors * kEntryBytes + load_u32(image + kAtStringBytes);
  if (header > bytes || header != align_up(used)) return Fault::kHeader;
  const bool own_minor = load_u16(image + kAtVersionMinor) <= kVersionMinor;
  // Without the section its field is one of the reserved ones.
  const bool has_means = (load_u32(image + kAtRequired) & kFlagFamiliarity) != 0;
  const size_t reserved = has_means ? kAtReserved : kAtMeans;
  if (own_minor && !all_zero(image + reserved, kHeaderBytes - reserved)) return Fault::kPadding;
  if (!all_zero(image + used, static_cast<size_t>(header - used))) return Fault::kPadding;
  return Fault::kNone;
}

// One logit, and zeros in the place of a classifier, are one class.
bool head_fits(const View& view) {
  const uint32_t flags = load_u32(view.image + kAtRequired) & (kFlagOneLogit | kFlagNoHead);
  return flags == 0 || (view.config.classes == 1 && flags != (kFlagOneLogit | kFlagNoHead));
}

bool means_fit(const View& view) {
  const bool has_means = (load_u32(view.image + kAtRequired) & kFlagFamiliarity) != 0;
  return !has_means || (view.means > 0 && view.means <= kMaxMeans);
}

Fault check_config(const View& view) {
  const bool fits = valid(view.config) && head_fits(view) && means_fit(view) &&
                    load_u32(view.image + kAtActivation) == kHardswish &&
                    valid(view.preprocessing, view.temperature);
  return fits ? Fault::kNone : Fault::kConfig;
}

TensorWalk walk_of(const View& view) {
  return {&view.config, view.type, load_u32(view.image + kAtHeaderBytes), view.float_head};
}

// The table says exactly what follows from the configuration, and the last tensor ends the file, or the
// section behind it does.
Fault check_tensors(const View& view) {
  if (load_u32(view.image + kAtTensors) != tensor_count(view.config, view.type)) return Fault::kTensor;
  const uint32_t header = load_u32(view.image + kAtHeaderBytes);
  const uint64_t tensors = file_bytes(view.config, view.type, header, view.float_head);
  if (tensors + familiarity_bytes(view.config, view.means) != view.bytes) return Fault::kTensor;
  TensorWalk walk = walk_of(view);
  Tensor tensor;
  for (const uint8_t* entry = view.tensors; next_tensor(&walk, &tensor); entry += kEntryBytes) {
    uint8_t expected[kEntryBytes];
    describe(tensor, expected);
    if (std::memcmp(entry, expected, kEntryBytes) != 0) return Fault::kTensor;
  }
  return Fault::kNone;
}

// Bytes of the well-formed character at p, 0 when there is none. Overlong forms, surrogates and everything
// beyond U+10FFFF differ from well-formed characters in the range of the second byte only.
size_t character_bytes(const uint8_t* p, size_t left, bool lines) {
  const uint8_t first = p[0];
  if (first < 0x80) {
    const bool control = first < 0x20 || first == 0x7f;
    return !control || (lines && (first == '\t' || first == '\n')) ? 1 : 0;
  }
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < bytes) return 0;
  const uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (p[1] < low || p[1] > high) return 0;
  if (first == 0xc2 && p[1] < 0xa0) return 0;  // the second block of control characters
  for (size_t i = 2; i < bytes; ++i) {
    if ((p[i] & 0xc0) != 0x80) return 0;
  }
  return bytes;
}

// Name, note and the labels, each well-formed and zero-terminated, and nothing behind them.
Fault check_strings(const View& view) {
  const char* at = view.name;
  const char* const end = at + load_u32(view.image + kAtStringBytes);
  for (uint64_t i = 0; i < uint64_t{2} + view.labels; ++i) {
    const bool is_note = i == 1, may_be_empty = i < 2;
    const char* const next = text_end(at, end, is_note);
    if (next == nullptr || (next == at + 1 && !may_be_empty)) return Fault::kStrings;
    at = next;
  }
  return at == end ? Fault::kNone : Fault::kStrings;
}

Fault check_structure(const uint8_t* image, size_t bytes) {
  Fault fault = check_header(image, bytes);
  if (fault != Fault::kNone) return fault;
  const View view = load_header(image);
  fault = check_config(view);
  if (fault == Fault::kNone) fault = check_tensors(view);
  if (fault == Fault::kNone) fault = check_strings(view);
  return fault;
}

// Checksum and numbers in one pass over a file of sound structure.
Fault check_content(const View& view) {
  const size_t header_blocks = load_u32(view.image + kAtHeaderBytes) / kBlockBytes;
  Digest digest = digest_start(view.bytes);
  digest_first_block(&digest, view.image, kBlockBytes);
  digest_blocks(&digest, view.image + kBlockBytes, header_blocks - 1, kAnything);
  bool finite = true;
  TensorWalk walk = walk_of(view);
  for (Tensor tensor; next_tensor(&walk, &tensor);) {
    const size_t blocks = static_cast<size_t>(walk.offset - tensor.offset) / kBlockBytes;
    const FiniteMask mask = tensor.type == Type::kInt8   ? kAnything
                            : tensor.type == Type::kHalf ? kFiniteHalf
                                                         : kFiniteFloat;
    finite = digest_blocks(&digest, view.image + tensor.offset, blocks, mask) && finite;
  }
  finite = digest_familiarity(&digest, view) && finite;
  if (digest_end(digest) != view.checksum) return Fault::kChecksum;
  finite = finite && familiarity_is_ordered(view);
  return finite ? Fault::kNone : Fault::kValue;
}

// Zeros in the lanes of the last panel and of the bias beyond the outputs, and behind the tensor.
bool padding_is_zero(const uint8_t* data, const Tensor& tensor) {
  const size_t used = tensor.rows % kPanelWidth, width = static_cast<size_t>(size_of(tensor.type));
  const size_t bytes = static_cast<size_t>(tensor.bytes), row = kPanelWidth * width;
  bool zero = all_zero(data + bytes, static_cast<size_t>(align_up(tensor.bytes)) - bytes);
  if (tensor.kind == Kind::kBiasTable || used == 0) return zero;
  for (size_t k = 0; k < tensor.columns; ++k) {
    const uint8_t* const last = data + bytes - (k + 1) * row;
    zero = all_zero(last + used * width, row - used * width) && zero;
  }
  return zero;
}

Fault check_padding(const View& view) {
  TensorWalk walk = walk_of(view);
  for (Tensor tensor; next_tensor(&walk, &tensor);) {
    const uint8_t* const data = view.image + tensor.offset;
    if (!padding_is_zero(data, tensor)) return Fault::kPadding;
    const bool stand_in = view.no_head && tensor.layer.part == Part::kHead;
    if (stand_in && !all_zero(data, static_cast<size_t>(tensor.bytes))) return Fault::kPadding;
  }
  return familiarity_padding_is_zero(view) ? Fault::kNone : Fault::kPadding;
}

// False for NaN.
bool within(float value, float low, float high) {
  return low <= value && value <= high;
}

}  // namespace

const char* text_end(const char* text, const char* end, bool lines) {
  while (text != end && *text != '\0') {
    const size_t bytes =
        character_bytes(reinterpret_cast<const uint8_t*>(text), static_cast<size_t>(end - text), lines);
    if (bytes == 0) return nullptr;
    text += bytes;
  }
  return text == end ? nullptr : text + 1;
}

bool valid(const Preprocessing& preprocessing, float temperature) {
  constexpr float kLow = 1e-3f, kHigh = 1e3f;
  bool fits = preprocessing.resize <= Resize::kHf && within(temperature, kLow, kHigh);
  for (int c = 0; c < 3; ++c) {
    fits = fits && within(preprocessing.mean[c], -kHigh, kHigh) && within(preprocessing.std[c], kLow, kHigh);
  }
  return fits;
}

Fault validate(const void* image, size_t bytes) {
  if (image == nullptr) return Fault::kArgument;
  const uint8_t* const data = static_cast<const uint8_t*>(image);
  Fault fault = check_envelope(data, bytes);
  if (fault != Fault::kNone) return fault;
  // Damage is called damage, wherever it lies; the structure decides only what a whole file is.
  fault = check_structure(data, bytes);
  if (fault != Fault::kNone) {
    return checksum(data, bytes) == load_u64(data + kAtChecksum) ? fault : Fault::kChecksum;
  }
  const View view = load_header(data);
  fault = check_content(view);
  return fault == Fault::kNone ? check_padding(view) : fault;
}

}  // namespace levit::weights
