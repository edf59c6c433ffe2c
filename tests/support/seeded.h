// The models and pictures that the goldens were made from: seeded weights by timm's names
// (tests/data/model/README.md), folded and written as a .levit image in memory.
#ifndef LEVIT_TESTS_SUPPORT_SEEDED_H_
#define LEVIT_TESTS_SUPPORT_SEEDED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "levit.h"
#include "tools/checkpoint/folded.h"

namespace levit::tests {

inline constexpr weights::Type kTypes[] = {weights::Type::kFloat, weights::Type::kHalf, weights::Type::kInt8};
inline constexpr size_t kPixels = 3 * LEVIT_SIDE * LEVIT_SIDE;  // numbers of a picture

// Memory on a 64-byte bound, filled with one byte.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t bytes, uint8_t fill = 0);
  explicit AlignedBytes(const std::vector<uint8_t>& bytes);
  uint8_t* data() { return memory_.data() + offset_; }
  const uint8_t* data() const { return memory_.data() + offset_; }
  size_t size() const { return size_; }

 private:
  std::vector<uint8_t> memory_;
  size_t offset_, size_;
};

struct Seed {
  std::string variant = "128s";  // 128s, 128, 192, 256, 384, tiny, micro
  uint32_t classes = 2;
  int heads = 2;  // 2: head and head_dist; 1: head; 0: conv_head
  bool calm = false;
  weights::Type type = weights::Type::kFloat;  // of its file
};

tools::FoldedModel seeded_fold(const Seed& seed);

// A .levit image in memory; throws std::runtime_error when the library refuses it.
class OpenModel {
 public:
  explicit OpenModel(const Seed& seed);
  explicit OpenModel(const std::vector<uint8_t>& image);
  const levit_model* get() const { return model_; }
  operator const levit_model*() const { return model_; }
  levit_info info() const;

 private:
  AlignedBytes image_;
  const levit_model* model_ = nullptr;
};

// A context in an arena of its own, exactly as large as the library asks for.
class OpenContext {
 public:
  OpenContext(const levit_model* model, const levit_options& options, uint8_t fill = 0);
  levit_context* get() const { return context_; }
  operator levit_context*() const { return context_; }

 private:
  AlignedBytes arena_;
  levit_context* context_ = nullptr;
};

// Options for a feature set, batch and target (null: the best).
levit_options options_with(uint32_t features, uint32_t batch = 1, const char* target = nullptr);

// Names of the instruction sets that run here.
std::vector<std::string> target_names();

// For levit_shap_options: `all` is float [count, kPixels].
const float* background_at(void* all, size_t index);

// seeded_input(batch, name): [batch, 3, 224, 224] in [-2, 2).
std::vector<float> seeded_input(size_t batch = 1, const std::string& name = "input");

}  // namespace levit::tests

#endif  // LEVIT_TESTS_SUPPORT_SEEDED_H_
