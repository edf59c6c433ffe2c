// A trainer in an arena of its own, and its options as the tests need them.
#ifndef LEVIT_TESTS_SUPPORT_TRAINING_H_
#define LEVIT_TESTS_SUPPORT_TRAINING_H_

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "tests/support/seeded.h"

namespace levit::tests {

class OpenTrainer {
 public:
  OpenTrainer(const levit_model* model, const levit_train_options& options, uint8_t fill = 0)
      : arena_(arena_bytes(model, options), fill) {
    REQUIRE(levit_train_create(model, &options, arena_.data(), arena_.size(), &trainer_) == LEVIT_OK);
  }
  levit_trainer* get() const { return trainer_; }
  operator levit_trainer*() const { return trainer_; }
  size_t bytes() const { return arena_.size(); }

  // A copy of the state, sealed.
  std::vector<uint8_t> state() const {
    const void* state = nullptr;
    size_t bytes = 0;
    REQUIRE(levit_train_state(trainer_, &state, &bytes) == LEVIT_OK);
    const auto* begin = static_cast<const uint8_t*>(state);
    return {begin, begin + bytes};
  }

  static size_t arena_bytes(const levit_model* model, const levit_train_options& options) {
    size_t bytes = 0;
    REQUIRE(levit_train_bytes(model, &options, &bytes) == LEVIT_OK);
    return bytes;
  }

 private:
  AlignedBytes arena_;
  levit_trainer* trainer_ = nullptr;
};

inline levit_train_options train_options(uint32_t batch, levit_train_part part = LEVIT_TRAIN_ALL) {
  levit_train_options options = levit_default_train_options();
  options.batch = batch;
  options.part = part;
  return options;
}

}  // namespace levit::tests

#endif  // LEVIT_TESTS_SUPPORT_TRAINING_H_
