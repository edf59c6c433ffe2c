// Small models and the published ones, with seeded weights, as images in aligned memory.
#ifndef LEVIT_TESTS_WEIGHTS_MODELS_H_
#define LEVIT_TESTS_WEIGHTS_MODELS_H_

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tools/checkpoint/folded.h"

namespace levit::tests {

// A published configuration by variant_name; throws std::out_of_range for another name.
weights::Config published(const std::string& name, uint32_t classes);

// The smallest network of the goldens: 16, 24 and 32 channels, key 8.
weights::Config micro(uint32_t classes);

// The smallest network that a file can hold: 8 channels, one head, every ratio 1.
weights::Config smallest(uint32_t classes);

// Seeded weights in [-1, 1), labels "class0" and so on.
tools::FoldedModel seeded_model(const weights::Config& config);

// The bytes of a file below tests/data.
std::vector<uint8_t> read_data(const std::string& name);

// tests/data/fuzz/weights/smallest_f16.levit: two classes, 15936 bytes; weights/FORMAT.md shows where
// everything lies.
std::vector<uint8_t> smallest_f16();

// A copy of bytes, `shift` behind a multiple of 64, that ends where its memory ends: a sanitizer sees the
// first byte read beyond it.
class Image {
 public:
  explicit Image(const std::vector<uint8_t>& bytes, size_t shift = 0);
  uint8_t* data() const { return memory_.get() + shift_; }
  size_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<uint8_t, decltype(&std::free)> memory_;
  size_t shift_, bytes_;
};

}  // namespace levit::tests

#endif  // LEVIT_TESTS_WEIGHTS_MODELS_H_
