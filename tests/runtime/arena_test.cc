// The arena: its size is exact, its contents before do not matter, and results do not depend on how the work
// is cut.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/goldens.h"
#include "tools/common/thread_pool.h"

namespace levit::tests {
namespace {

constexpr uint8_t kFill = 0xa5;

// Bytes that are not kFill any more.
size_t changed(const uint8_t* bytes, size_t count) {
  return count - static_cast<size_t>(std::count(bytes, bytes + count, kFill));
}

size_t arena_bytes(const OpenModel& model, const levit_options& options) {
  size_t bytes = 0;
  REQUIRE(levit_arena_bytes(model, &options, &bytes) == LEVIT_OK);
  return bytes;
}

// Logits and input gradients of `count` pictures.
std::vector<float> results(levit_context* context, const std::vector<float>& pictures, size_t count) {
  std::vector<float> out(count * (2 + kPixels));
  const std::vector<float> direction(count * 2, 0.5f);
  REQUIRE(levit_gradient(context, {nullptr, pictures.data()}, count, direction.data(), LEVIT_INPUT,
                         out.data() + count * 2, nullptr, out.data()) == LEVIT_OK);
  return out;
}

// What results() gives of the first `count` pictures, from what it gives of `all`.
std::vector<float> first_of(const std::vector<float>& together, size_t all, size_t count) {
  const auto at = [&](size_t i) { return together.begin() + static_cast<ptrdiff_t>(i); };
  std::vector<float> out(at(0), at(2 * count));
  out.insert(out.end(), at(2 * all), at(2 * all + count * kPixels));
  return out;
}

}  // namespace

TEST_CASE("one picture of the 128s fits into 1 MB, its input gradient into 6 MB") {
  const OpenModel model(Seed{"128s", 2, 2, true, weights::Type::kHalf});
  MESSAGE("forward ", arena_bytes(model, options_with(0)), " bytes, gradient ",
          arena_bytes(model, options_with(LEVIT_GRADIENT)), ", attribution ",
          arena_bytes(model, options_with(LEVIT_ATTRIBUTION)));
  CHECK(arena_bytes(model, options_with(0)) <= 1000000);
  CHECK(arena_bytes(model, options_with(LEVIT_GRADIENT)) <= 6000000);
}

TEST_CASE(
    "sizes below the exact one are refused, the exact one is enough, and misplaced arenas are refused") {
  const OpenModel model(Seed{"micro"});
  for (const uint32_t features : {0u, uint32_t{LEVIT_GRADIENT}, uint32_t{LEVIT_ATTRIBUTION}}) {
    const levit_options options = options_with(features);
    const size_t bytes = arena_bytes(model, options);
    AlignedBytes arena(bytes + LEVIT_ARENA_ALIGNMENT, kFill);
    levit_context* context = nullptr;
    const auto refused = [&](size_t size) {
      return levit_create(model, &options, arena.data(), size, &context) == LEVIT_ARENA;
    };
    // Every buffer begins on a 64-byte bound: these sizes end one byte before each place where one begins or
    // ends.
    size_t accepted = refused(0) ? 0 : 1;
    REQUIRE(bytes % LEVIT_ARENA_ALIGNMENT == 0);
    for (size_t bound = LEVIT_ARENA_ALIGNMENT; bound <= bytes; bound += LEVIT_ARENA_ALIGNMENT)
      accepted += refused(bound - 1) ? 0 : 1;
    for (size_t less = 1; less < 256; ++less) accepted += refused(bytes - less) ? 0 : 1;
    CHECK(accepted == 0);
    CHECK(changed(arena.data(), arena.size()) == 0);
    CHECK(context == nullptr);
    for (size_t shift = 1; shift < LEVIT_ARENA_ALIGNMENT; ++shift)
      CHECK(levit_create(model, &options, arena.data() + shift, bytes, &context) == LEVIT_ALIGNMENT);
    CHECK(levit_create(model, &options, arena.data(), bytes, &context) == LEVIT_OK);
  }
}

TEST_CASE("nothing is written in front of the arena or behind it") {
  constexpr size_t kGuard = 4096;
  for (const char* variant : {"micro", "tiny"}) {
    CAPTURE(variant);
    const OpenModel model(Seed{variant});
    const std::vector<float> pictures = seeded_input(3);
    for (const std::string& target : target_names()) {
      CAPTURE(target);
      const levit_options options = options_with(LEVIT_GRADIENT, 3, target.c_str());
      const size_t bytes = arena_bytes(model, options);
      AlignedBytes memory(kGuard + bytes + kGuard, kFill);
      uint8_t* arena = memory.data() + kGuard;
      levit_context* context = nullptr;
      REQUIRE(levit_create(model, &options, arena, bytes, &context) == LEVIT_OK);
      results(context, pictures, 3);
      CHECK(changed(memory.data(), kGuard) == 0);
      CHECK(changed(arena + bytes, kGuard) == 0);
    }
  }
}

TEST_CASE("what the arena held before changes no bit, NaN included") {
  const OpenModel model(Seed{"128s", 2, 2, true});
  const std::vector<float> picture = seeded_input();
  const levit_options options = options_with(LEVIT_GRADIENT);
  const std::vector<float> clean = results(OpenContext(model, options, 0x00), picture, 1);
  CHECK(results(OpenContext(model, options, 0xff), picture, 1) == clean);  // every float a NaN
}

TEST_CASE("results are the same in every bit for any batch and any number of threads") {
  for (const char* variant : {"micro", "tiny"}) {
    CAPTURE(variant);
    const OpenModel model(Seed{variant});
    constexpr size_t kPictures = 7;
    const std::vector<float> pictures = seeded_input(kPictures);
    const std::vector<float> together =
        results(OpenContext(model, options_with(LEVIT_GRADIENT, kPictures)), pictures, kPictures);
    for (const size_t threads : {size_t{1}, size_t{2}, size_t{3}}) {
      CAPTURE(threads);
      tools::ThreadPool pool(threads);
      levit_options options = options_with(LEVIT_GRADIENT, kPictures);
      options.threads = static_cast<uint32_t>(threads);
      options.parallel_for = tools::ThreadPool::parallel_for;
      options.parallel_context = &pool;
      // Fewer pictures than threads share them, more are cut unevenly.
      const OpenContext context(model, options);
      for (const size_t count : {size_t{1}, size_t{2}, size_t{4}, kPictures}) {
        CAPTURE(count);
        CHECK(results(context, pictures, count) == first_of(together, kPictures, count));
      }
    }
    const OpenContext alone(model, options_with(LEVIT_GRADIENT));
    for (size_t i = 0; i < kPictures; ++i) {
      const std::vector<float> picture(pictures.begin() + static_cast<ptrdiff_t>(i * kPixels),
                                       pictures.begin() + static_cast<ptrdiff_t>((i + 1) * kPixels));
      const std::vector<float> one = results(alone, picture, 1);
      CHECK(std::vector<float>(one.begin(), one.begin() + 2) ==
            std::vector<float>(together.begin() + static_cast<ptrdiff_t>(2 * i),
                               together.begin() + static_cast<ptrdiff_t>(2 * i + 2)));
      CHECK(std::equal(one.begin() + 2, one.end(),
                       together.begin() + static_cast<ptrdiff_t>(2 * kPictures + i * kPixels)));
    }
  }
}

TEST_CASE("two contexts of one model run in two threads") {
  const OpenModel model(Seed{"tiny"});
  const std::vector<float> picture = seeded_input();
  const OpenContext first(model, options_with(LEVIT_GRADIENT)), second(model, options_with(LEVIT_GRADIENT));
  const std::vector<float> expected = results(first, picture, 1);
  std::vector<float> from_thread;
  std::thread other([&] { from_thread = results(second, picture, 1); });
  const std::vector<float> here = results(first, picture, 1);
  other.join();
  CHECK(here == expected);
  CHECK(from_thread == expected);
}

TEST_CASE("every wrong argument has its status") {
  const OpenModel model(Seed{"micro"});
  const OpenContext plain(model, options_with(0)), context(model, options_with(LEVIT_GRADIENT));
  std::vector<float> picture = seeded_input(2), out(kPixels), logits(4);
  const float direction[] = {1, 0, 1, 0};
  const levit_input input = {nullptr, picture.data()};
  CHECK(levit_classify(plain, input, 2, logits.data()) == LEVIT_BATCH);
  CHECK(levit_classify(plain, input, 0, logits.data()) == LEVIT_ARGUMENT);
  CHECK(levit_classify(plain, {nullptr, nullptr}, 1, logits.data()) == LEVIT_ARGUMENT);
  CHECK(levit_classify(plain, input, 1, nullptr) == LEVIT_ARGUMENT);
  CHECK(levit_gradient(plain, input, 1, direction, LEVIT_INPUT, out.data(), nullptr, nullptr) ==
        LEVIT_FEATURE);
  CHECK(levit_gradient(context, input, 1, direction, static_cast<levit_layer>(5), out.data(), nullptr,
                       nullptr) == LEVIT_LAYER);
  CHECK(levit_cam(context, input, direction, LEVIT_GRADCAM, LEVIT_INPUT, out.data(), nullptr) == LEVIT_LAYER);
  CHECK(levit_gradient(context, input, 1, nullptr, LEVIT_INPUT, out.data(), nullptr, nullptr) ==
        LEVIT_ARGUMENT);
  CHECK(levit_integrated_gradients(context, picture.data(), nullptr, direction, 4, out.data(), nullptr) ==
        LEVIT_FEATURE);
  for (const uint32_t bits : {0x7f800000u, 0xff800000u, 0x7fc00000u}) {  // infinities and NaN
    std::memcpy(&picture[kPixels - 1], &bits, sizeof bits);
    CHECK(levit_classify(plain, input, 1, logits.data()) == LEVIT_NUMBER);
  }
  levit_options options = options_with(0);
  size_t bytes = 0;
  options.target = "PDP11";
  CHECK(levit_arena_bytes(model, &options, &bytes) == LEVIT_TARGET);
  options = options_with(4);
  CHECK(levit_arena_bytes(model, &options, &bytes) == LEVIT_ARGUMENT);
  options = options_with(0, 0);
  CHECK(levit_arena_bytes(model, &options, &bytes) == LEVIT_ARGUMENT);
  options = options_with(0);
  options.threads = 2;
  CHECK(levit_arena_bytes(model, &options, &bytes) == LEVIT_ARGUMENT);
}

}  // namespace levit::tests
