// What a trainer goes on from: the image in fp32, and the state as one piece.
#include <cstring>

#include "kernels/panels.h"
#include "runtime/train.h"
#include "weights/checksum.h"

namespace levit::runtime {
namespace {

using namespace weights;

void widen_half(const void* half, size_t count, uint8_t* to) {
  const auto* from = static_cast<const uint16_t*>(half);
  for (size_t i = 0; i < count; ++i) store_f32(to + i * sizeof(float), kernels::half_to_float(from[i]));
}

void widen_int8(const Tensor& panels, const uint8_t* numbers, const uint8_t* scales, uint8_t* to) {
  for (size_t i = 0; i < panels.bytes; ++i) {
    const size_t output = i / kPanelWidth / panels.columns * kPanelWidth + i % kPanelWidth;
    store_f32(to + i * sizeof(float), load_f32(scales + output * sizeof(float)) *
                                          static_cast<float>(static_cast<int8_t>(numbers[i])));
  }
}

// An int8 file has more tensors, hence a longer table.
uint32_t tensors_of(const View& from) {
  return tensor_count(from.config, Type::kFloat);
}
size_t string_bytes_of(const View& from) {
  return static_cast<size_t>(from.labels_end - from.name);
}

}  // namespace

uint64_t widened_header_bytes(const View& from) {
  return align_up(kHeaderBytes + uint64_t{tensors_of(from)} * kEntryBytes + string_bytes_of(from));
}

size_t widened_bytes(const View& from) {
  return static_cast<size_t>(file_bytes(from.config, Type::kFloat, widened_header_bytes(from)));
}

// Header and strings as they are but for what does not hold of other weights, the table and every tensor
// anew.
void widen(const View& from, uint8_t* to) {
  const uint64_t header_bytes = widened_header_bytes(from);
  const size_t bytes = widened_bytes(from);
  std::memset(to, 0, bytes);
  std::memcpy(to, from.image, kHeaderBytes);
  std::memcpy(to + kHeaderBytes + size_t{tensors_of(from)} * kEntryBytes, from.name, string_bytes_of(from));
  store_u32(to + kAtRequired, load_u32(to + kAtRequired) & (kFlagOneLogit | kFlagNoHead));
  store_u32(to + kAtMeans, 0);  // features move, so what is known of their spread is void
  store_u32(to + kAtHeaderBytes, static_cast<uint32_t>(header_bytes));
  store_u32(to + kAtTensors, tensors_of(from));
  store_u64(to + kAtFileBytes, bytes);
  TensorWalk walk{&from.config, Type::kFloat, header_bytes};
  TensorWalk old{&from.config, from.type, load_u32(from.image + kAtHeaderBytes), from.float_head};
  uint8_t* entry = to + kHeaderBytes;
  for (Tensor tensor, before; next_tensor(&walk, &tensor) && next_tensor(&old, &before);
       entry += kEntryBytes) {
    describe(tensor, entry);
    const uint8_t* const values = from.image + before.offset;
    if (before.type == Type::kInt8) {
      Tensor scales;
      next_tensor(&old, &scales);
      widen_int8(before, values, from.image + scales.offset, to + tensor.offset);
    } else if (before.type == Type::kHalf) {
      widen_half(values, static_cast<size_t>(before.bytes) / sizeof(uint16_t), to + tensor.offset);
    } else {
      std::memcpy(to + tensor.offset, values, static_cast<size_t>(tensor.bytes));
    }
  }
  store_u64(to + kAtChecksum, checksum(to, bytes));
}

}  // namespace levit::runtime

extern "C" {

levit_status levit_train_use_mean(levit_trainer* trainer, int mean) {
  if (trainer == nullptr) return LEVIT_ARGUMENT;
  if (trainer->mean == nullptr) return LEVIT_FEATURE;
  if ((mean != 0) == trainer->has_mean_in_place) return LEVIT_OK;
  for (size_t i = 0; i < trainer->floats; ++i) {
    const float weight = trainer->first[i];
    trainer->first[i] = trainer->mean[i];
    trainer->mean[i] = weight;
  }
  trainer->has_mean_in_place = mean != 0;
  return LEVIT_OK;
}

levit_status levit_train_state(levit_trainer* trainer, const void** state, size_t* bytes) {
  if (trainer == nullptr || state == nullptr || bytes == nullptr) return LEVIT_ARGUMENT;
  if (trainer->has_mean_in_place) return LEVIT_FEATURE;
  trainer->state->checksum = levit::weights::checksum(trainer->state, trainer->state_bytes);
  *state = trainer->state;
  *bytes = trainer->state_bytes;
  return LEVIT_OK;
}

levit_status levit_train_restore(levit_trainer* trainer, const void* state, size_t bytes) {
  using namespace levit::runtime;
  if (trainer == nullptr || state == nullptr) return LEVIT_ARGUMENT;
  StateHeader theirs;
  const StateHeader& ours = *trainer->state;
  if (bytes < sizeof theirs.magic || std::memcmp(state, kStateMagic, sizeof kStateMagic) != 0)
    return LEVIT_MAGIC;
  if (bytes < sizeof theirs) return LEVIT_TRUNCATED;
  std::memcpy(&theirs, state, sizeof theirs);
  if (theirs.byte_order != kStateByteOrder) return LEVIT_BYTE_ORDER;
  if (theirs.version != kStateVersion) return LEVIT_VERSION;
  if (bytes != theirs.bytes) return bytes < theirs.bytes ? LEVIT_TRUNCATED : LEVIT_TRAILING;
  if (levit::weights::checksum(state, bytes) != theirs.checksum) return LEVIT_CHECKSUM;
  if (theirs.model != ours.model) return LEVIT_TENSOR;
  if (theirs.part != ours.part || theirs.optimizer != ours.optimizer || theirs.has_mean != ours.has_mean)
    return LEVIT_CONFIG;
  if (bytes != trainer->state_bytes) return LEVIT_TENSOR;
  std::memcpy(trainer->state, state, bytes);
  trainer->has_mean_in_place = false;
  return LEVIT_OK;
}

}  // extern "C"
