// What the tests against goldens share.
#ifndef LEVIT_TESTS_RUNTIME_GOLDENS_H_
#define LEVIT_TESTS_RUNTIME_GOLDENS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "levit.h"
#include "tests/support/npy.h"
#include "tests/support/seeded.h"
#include "tools/checkpoint/folded.h"

namespace levit::tests {

struct Layer {
  levit_layer layer;
  const char* name;
  size_t side;  // of its token grid
};
inline constexpr Layer kLayers[] = {{LEVIT_STEM, "stem", 14},
                                    {LEVIT_STAGE0, "stage0", 14},
                                    {LEVIT_STAGE1, "stage1", 7},
                                    {LEVIT_STAGE2, "stage2", 4}};

struct Score {
  const char* name;
  float direction[2];
};
inline constexpr Score kScores[] = {{"class0", {1, 0}}, {"class1", {0, 1}}, {"difference", {-1, 1}}};

// Reads tests/data/<name>; throws std::runtime_error naming the file.
nlohmann::json load_json(const std::string& name);

// Elements 0, step, 2 step, ...
std::vector<float> every(size_t step, const std::vector<float>& values);

// [pictures, channels, 14, 14], as the goldens keep the stem, to tokens by channels.
std::vector<float> tokens_first(const std::vector<float>& values, size_t pictures = 1);

// What a model's weights mean, to be written in another type. Biases and tables stay as they are.
tools::FoldedModel folded_of(const OpenModel& model);

double cosine(const std::vector<float>& a, const std::vector<float>& b);

// The values at a layer of each of `batch` pictures, and their logits.
std::vector<float> activation_of(const OpenModel& model, levit_input input, size_t batch, levit_layer layer,
                                 const char* target = nullptr, std::vector<float>* logits = nullptr);

// Gradient of a score of one picture.
std::vector<float> gradient_of(const OpenModel& model, levit_input input, const float* direction,
                               levit_layer layer, const char* target = nullptr);

}  // namespace levit::tests

#endif  // LEVIT_TESTS_RUNTIME_GOLDENS_H_
