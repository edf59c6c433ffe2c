// The heap is trapped: this program's allocation functions stand in front of glibc's and count what the
// library's calls ask of them, operator new included, which is made of malloc.
#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "runtime/context.h"
#include "runtime/pass.h"
#include "tests/support/seeded.h"
#include "tools/checkpoint/writer.h"

namespace {

std::atomic<bool> g_trapped{false};
std::atomic<size_t> g_calls{0};

void note() {
  if (g_trapped) ++g_calls;
}

}  // namespace

extern "C" {

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* memory);

void* malloc(size_t bytes) {
  note();
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  note();
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  note();
  return __libc_realloc(memory, bytes);
}
void* memalign(size_t alignment, size_t bytes) {
  note();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  note();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  note();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) {
  note();
  __libc_free(memory);
}

}  // extern "C"

namespace levit::tests {
namespace {

constexpr size_t kBatch = 3, kWorkers = 2;

// Calls of the allocation functions while `work` runs.
size_t heap_calls(const std::function<void()>& work) {
  g_calls = 0;
  g_trapped = true;
  work();
  g_trapped = false;
  return g_calls;
}

// Every worker has a turn, in the calling thread.
void take_turns(void* /*context*/, size_t count, levit_task task, void* task_context) {
  for (size_t i = 0; i < count; ++i) task(task_context, i, i % kWorkers);
}

levit_options options_of(uint32_t features, const std::string& target) {
  levit_options options = options_with(features, kBatch, target.c_str());
  options.threads = kWorkers;
  options.parallel_for = take_turns;
  options.progress = [](void*, size_t, size_t) { return 0; };
  return options;
}

}  // namespace

TEST_CASE("the trap sees the allocation functions of C and C++") {
  void* volatile kept = nullptr;
  CHECK(heap_calls([&] { kept = std::malloc(1); }) == 1);
  CHECK(heap_calls([&] { kept = std::realloc(kept, 2); }) == 1);
  CHECK(heap_calls([&] { std::free(kept); }) == 1);
  CHECK(heap_calls([&] { kept = std::calloc(1, 1); }) == 1);
  std::free(kept);
  CHECK(heap_calls([&] { kept = std::aligned_alloc(64, 64); }) == 1);
  std::free(kept);
  std::vector<char> grown;
  CHECK(heap_calls([&] { grown.resize(1000); }) == 1);
  CHECK(heap_calls([] {}) == 0);
}

TEST_CASE("opening weights and preparing pixels touch no heap") {
  for (const weights::Type type : kTypes) {
    const AlignedBytes image(tools::write_levit(seeded_fold(Seed{"micro"}), type));
    const std::vector<uint8_t> pixels(300 * 200 * 3, 77);
    std::vector<uint8_t> rgb(kPixels), scratch(10000000);
    CHECK(heap_calls([&] {
            const levit_model* model = nullptr;
            REQUIRE(levit_open(image.data(), image.size(), &model) == LEVIT_OK);
            levit_info info{};
            info.size = sizeof info;
            REQUIRE(levit_model_info(model, &info) == LEVIT_OK);
            REQUIRE(levit_next_label(model, levit_label(model, 0)) != nullptr);
            const levit_image picture = {pixels.data(), 300, 200, 900};
            for (const levit_resize resize : {LEVIT_RESIZE_SQUASH, LEVIT_RESIZE_TIMM, LEVIT_RESIZE_HF}) {
              size_t bytes = 0;
              levit_window window;
              REQUIRE(levit_preprocess_bytes(300, 200, resize, &bytes) == LEVIT_OK);
              REQUIRE(levit_preprocess(nullptr, &picture, resize, scratch.data(), scratch.size(),
                                       rgb.data()) == LEVIT_OK);
              REQUIRE(levit_preprocess_window(300, 200, resize, &window) == LEVIT_OK);
            }
          }) == 0);
  }
}

TEST_CASE("creating a context, classifying, gradients, maps and attributions touch no heap, on any target") {
  for (const weights::Type type : kTypes) {
    const OpenModel model(Seed{"micro", 2, 2, false, type});
    const std::vector<float> tensors = seeded_input(kBatch);
    std::vector<float> backgrounds = seeded_input(2, "background0");
    const std::vector<uint8_t> rgb(kBatch * kPixels, 99);
    std::vector<float> values(kBatch * kPixels), variance(kPixels), activation(kBatch * kPixels),
        map(14 * 14), finished(224 * 224), logits(kBatch * 2);
    const float direction[kBatch * 2] = {-1, 1, 1, 0, 0, 1};
    for (const std::string& target : target_names()) {
      CAPTURE(target);
      const levit_options options = options_of(LEVIT_ATTRIBUTION, target);
      size_t bytes = 0;
      REQUIRE(levit_arena_bytes(model, &options, &bytes) == LEVIT_OK);
      AlignedBytes arena(bytes);
      levit_context* context = nullptr;
      const levit_input input = {nullptr, tensors.data()};
      CHECK(heap_calls([&] {
              REQUIRE(levit_arena_bytes(model, &options, &bytes) == LEVIT_OK);
              REQUIRE(levit_create(model, &options, arena.data(), bytes, &context) == LEVIT_OK);
              REQUIRE(levit_classify(context, input, kBatch, logits.data()) == LEVIT_OK);
              REQUIRE(levit_classify(context, {rgb.data(), nullptr}, kBatch, logits.data()) == LEVIT_OK);
              REQUIRE(levit_normalise(context, rgb.data(), values.data()) == LEVIT_OK);
              REQUIRE(levit_probabilities(context, logits.data(), kBatch, logits.data()) == LEVIT_OK);
            }) == 0);
      CHECK(heap_calls([&] {
              for (int layer = LEVIT_INPUT; layer <= LEVIT_STAGE2; ++layer)
                REQUIRE(levit_gradient(context, input, kBatch, direction, static_cast<levit_layer>(layer),
                                       values.data(), layer == LEVIT_INPUT ? nullptr : activation.data(),
                                       logits.data()) == LEVIT_OK);
              for (int method = LEVIT_GRADCAM; method <= LEVIT_XGRADCAM; ++method)
                REQUIRE(levit_cam(context, input, direction, static_cast<levit_cam_method>(method),
                                  LEVIT_STAGE0, map.data(), logits.data()) == LEVIT_OK);
              REQUIRE(levit_cam_finish(map.data(), 14, finished.data(), 224, nullptr) == LEVIT_OK);
            }) == 0);
      levit_shap_options shap{};
      shap.size = sizeof shap;
      shap.direction = direction;
      shap.background = background_at;
      shap.background_context = backgrounds.data();
      shap.backgrounds = 2;
      shap.samples = 5;
      levit_attribution attribution{};
      attribution.size = sizeof attribution;
      CHECK(heap_calls([&] {
              REQUIRE(levit_shap(context, tensors.data(), &shap, values.data(), variance.data(),
                                 &attribution) == LEVIT_OK);
              REQUIRE(levit_integrated_gradients(context, tensors.data(), nullptr, direction, 4,
                                                 values.data(), &attribution) == LEVIT_OK);
            }) == 0);
    }
  }
}

TEST_CASE("training the whole network touches no heap") {
  const OpenModel model(Seed{"micro"});
  levit_train_options options = levit_default_train_options();
  options.batch = kBatch;
  options.mean = 0.9;
  const std::vector<float> tensors = seeded_input(kBatch);
  const uint32_t labels[kBatch] = {0, 1, 1};
  AlignedBytes arena(50000000);
  CHECK(heap_calls([&] {
          size_t bytes = 0;
          levit_trainer* trainer = nullptr;
          const void* state = nullptr;
          REQUIRE(levit_train_bytes(model, &options, &bytes) == LEVIT_OK);
          REQUIRE(levit_train_create(model, &options, arena.data(), bytes, &trainer) == LEVIT_OK);
          REQUIRE(levit_train_step(trainer, {nullptr, tensors.data()}, labels, kBatch, 1e-3, nullptr, nullptr,
                                   nullptr) == LEVIT_OK);
          REQUIRE(levit_train_use_mean(trainer, 1) == LEVIT_OK);
          REQUIRE(levit_train_use_mean(trainer, 0) == LEVIT_OK);
          REQUIRE(levit_train_state(trainer, &state, &bytes) == LEVIT_OK);
          REQUIRE(levit_train_restore(trainer, state, bytes) == LEVIT_OK);
        }) == 0);
}

TEST_CASE("learning a head, using it and exporting a file with it touch no heap") {
  constexpr size_t kClasses = 3;
  const OpenModel model(Seed{"micro", 2, 2, false, weights::Type::kHalf});
  const size_t features = model.info().dims[2];
  const levit_options options = options_of(0, target_names().front());
  levit_head_options head_options = levit_default_head_options(features, kClasses);
  const char* const labels[kClasses] = {"one", "two", "three"};
  levit_export_options export_options{};
  export_options.size = sizeof export_options;
  export_options.label = labels;
  size_t bytes = 0, trainer_bytes = 0, head_bytes = 0, image_bytes = 0;
  REQUIRE(levit_arena_bytes(model, &options, &bytes) == LEVIT_OK);
  REQUIRE(levit_head_bytes(&head_options, &trainer_bytes) == LEVIT_OK);
  REQUIRE(levit_head_pack_bytes(features, kClasses, &head_bytes) == LEVIT_OK);
  AlignedBytes arena(bytes), trainer_memory(trainer_bytes), head_memory(head_bytes), image(20000000);
  const std::vector<float> tensors = seeded_input(kBatch);
  const uint32_t classes[kBatch] = {0, 1, 2};
  std::vector<float> pooled(kBatch * features), weight(kClasses * features), bias(kClasses),
      logits(kBatch * kClasses), map(16);
  for (const levit_optimizer optimizer : {LEVIT_ADAMW, LEVIT_SGD}) {
    head_options.optimizer = optimizer;
    CHECK(heap_calls([&] {
            levit_context* context = nullptr;
            levit_head_trainer* trainer = nullptr;
            const levit_input input = {nullptr, tensors.data()};
            REQUIRE(levit_create(model, &options, arena.data(), bytes, &context) == LEVIT_OK);
            REQUIRE(levit_features(context, input, kBatch, pooled.data()) == LEVIT_OK);
            REQUIRE(levit_head_create(&head_options, trainer_memory.data(), trainer_bytes, &trainer) ==
                    LEVIT_OK);
            for (size_t step = 0; step < 3; ++step) {
              REQUIRE(levit_head_gradient(trainer, pooled.data(), classes, kBatch, nullptr, nullptr) ==
                      LEVIT_OK);
              REQUIRE(levit_head_step(trainer, levit_cosine_rate(0.01, step, 1, 3)) == LEVIT_OK);
            }
            REQUIRE(levit_head_get(trainer, weight.data(), bias.data()) == LEVIT_OK);
            REQUIRE(levit_head_pack(weight.data(), bias.data(), features, kClasses, head_memory.data(),
                                    head_bytes, &export_options.head) == LEVIT_OK);
            REQUIRE(levit_use_head(context, export_options.head) == LEVIT_OK);
            REQUIRE(levit_classify(context, input, kBatch, logits.data()) == LEVIT_OK);
            REQUIRE(levit_class_map(context, input, 2, map.data(), logits.data()) == LEVIT_OK);
            REQUIRE(levit_export_bytes(model, &export_options, &image_bytes) == LEVIT_OK);
            REQUIRE(levit_export(model, &export_options, image.data(), image_bytes) == LEVIT_OK);
          }) == 0);
  }
}

}  // namespace levit::tests
