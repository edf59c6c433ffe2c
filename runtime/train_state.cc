// What a trainer goes on from: the state as one piece.
#include <cstring>

#include "runtime/train.h"
#include "weights/checksum.h"

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
