// A thin C++17 cover of levit.h: the same calls with memory that frees itself and statuses that throw. Header
// only; needs the C library underneath, with its status texts. levit.h describes every argument.
#ifndef LEVIT_HPP_
#define LEVIT_HPP_

#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "levit.h"

namespace levit {

// What a call returned instead of LEVIT_OK.
class Error : public std::runtime_error {
 public:
  explicit Error(levit_status status) : std::runtime_error(levit_status_text(status)), status_(status) {}
  levit_status status() const { return status_; }

 private:
  levit_status status_;
};

inline void check(levit_status status) {
  if (status != LEVIT_OK) throw Error(status);
}

// Memory aligned for a weight image or an arena.
class Memory {
 public:
  explicit Memory(size_t bytes) : bytes_(bytes) {
    const size_t whole = (bytes / LEVIT_ARENA_ALIGNMENT + 1) * LEVIT_ARENA_ALIGNMENT;
    data_.reset(std::aligned_alloc(LEVIT_ARENA_ALIGNMENT, whole));
    if (data_ == nullptr) throw std::bad_alloc();
  }
  void* data() { return data_.get(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(void* data) const { std::free(data); }
  };
  std::unique_ptr<void, Free> data_;
  size_t bytes_;
};

// The handle of a weight image that lies, aligned, in the caller's memory.
inline const levit_model* open(const void* image, size_t bytes) {
  const levit_model* model = nullptr;
  check(levit_open(image, bytes, &model));
  return model;
}

inline levit_info info(const levit_model* model) {
  levit_info info{};
  info.size = sizeof(info);
  check(levit_model_info(model, &info));
  return info;
}

// The labels by class; they lie in the weight image.
inline std::vector<const char*> labels(const levit_model* model) {
  std::vector<const char*> all;
  for (const char* label = levit_label(model, 0); label != nullptr; label = levit_next_label(model, label))
    all.push_back(label);
  return all;
}

inline size_t arena_bytes(const levit_model* model, const levit_options& options) {
  size_t bytes = 0;
  check(levit_arena_bytes(model, &options, &bytes));
  return bytes;
}

// Resizes and crops to [224][224][3]. context: whose instruction set to use; null for the best.
inline std::vector<uint8_t> preprocess(const levit_image& image, levit_resize resize,
                                       const levit_context* context = nullptr) {
  size_t bytes = 0;
  check(levit_preprocess_bytes(image.width, image.height, resize, &bytes));
  std::vector<uint8_t> scratch(bytes), out(size_t{LEVIT_SIDE} * LEVIT_SIDE * 3);
  check(levit_preprocess(context, &image, resize, scratch.data(), bytes, out.data()));
  return out;
}

// A context in an arena of its own. The model must outlive it; one thread at a time uses it.
class Context {
 public:
  explicit Context(const levit_model* model, const levit_options& options = levit_default_options())
      : model_(model),
        classes_(levit::info(model).classes),
        labels_(levit::info(model).labels),
        arena_(arena_bytes(model, options)) {
    check(levit_create(model, &options, arena_.data(), arena_.bytes(), &context_));
  }

  levit_context* get() { return context_; }
  const levit_context* get() const { return context_; }
  const levit_model* model() const { return model_; }
  size_t classes() const { return classes_; }
  size_t labels() const { return labels_; }  // 2 with one logit
  const char* target() const { return levit_context_target(context_); }

  // Logits [count][classes].
  std::vector<float> classify(levit_input input, size_t count = 1) {
    std::vector<float> logits(count * classes_);
    check(levit_classify(context_, input, count, logits.data()));
    return logits;
  }

  // Probabilities [count][labels] of logits [count][classes].
  std::vector<float> probabilities(const std::vector<float>& logits) const {
    std::vector<float> values(logits.size() / classes_ * labels_);
    check(levit_probabilities(context_, logits.data(), logits.size() / classes_, values.data()));
    return values;
  }

  // The direction [classes] whose score speaks for a label: its logit; with one logit, that or minus that.
  std::vector<float> direction(size_t label) const {
    std::vector<float> values(classes_);
    const bool one_logit = labels_ > classes_;
    values[one_logit ? 0 : label] = one_logit && label == 0 ? -1.0F : 1.0F;
    return values;
  }

  // Gradient [count][layer floats] of the directions' scores; direction [count][classes].
  std::vector<float> gradient(levit_input input, const std::vector<float>& direction, levit_layer layer) {
    const size_t count = direction.size() / classes_;
    size_t floats = 0;
    check(levit_layer_floats(model_, layer, &floats));
    std::vector<float> values(count * floats);
    check(levit_gradient(context_, input, count, direction.data(), layer, values.data(), nullptr, nullptr));
    return values;
  }

 private:
  const levit_model* model_;
  size_t classes_, labels_;
  Memory arena_;
  levit_context* context_ = nullptr;
};

}  // namespace levit

#endif  // LEVIT_HPP_
