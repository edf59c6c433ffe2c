// The order of pictures in training, and the batches that are prepared beside the network.
#include "tools/levit/train/loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>

#include "levit.h"
#include "tools/levit/train/sampling.h"

namespace levit::tests {
namespace {

using namespace tools;

std::vector<uint32_t> from_to(uint32_t first, uint32_t end) {
  std::vector<uint32_t> all;
  for (uint32_t i = first; i < end; ++i) all.push_back(i);
  return all;
}

constexpr size_t kBytes = 16;

// Bytes that depend on picture and number.
void write_sample(uint32_t picture, uint64_t number, uint8_t* out) {
  for (size_t i = 0; i < kBytes; ++i) out[i] = static_cast<uint8_t>(picture * 7 + number * 31 + i);
}

LoaderOptions options_of(size_t threads, size_t pictures, size_t epochs) {
  LoaderOptions options;
  options.threads = threads;
  options.batch = 4;
  options.ahead = 3;
  options.sample_bytes = kBytes;
  options.epochs = epochs;
  options.order = [pictures](size_t epoch) {
    return epoch_order({{from_to(0, static_cast<uint32_t>(pictures)), 1}}, pictures, 5, epoch);
  };
  options.prepare = [](uint32_t picture, uint64_t number, size_t, uint8_t* out) {
    // Threads come in another order each time.
    std::this_thread::sleep_for(std::chrono::microseconds(picture * 37 % 11 * 20));
    write_sample(picture, number, out);
  };
  return options;
}

std::vector<LoadedBatch> all_batches(LoaderOptions options) {
  Loader loader(std::move(options));
  std::vector<LoadedBatch> batches;
  while (const LoadedBatch* const batch = loader.next()) batches.push_back(*batch);
  return batches;
}

bool same(const LoadedBatch& a, const LoadedBatch& b) {
  return a.epoch == b.epoch && a.number == b.number && a.last == b.last && a.pictures == b.pictures &&
         a.samples == b.samples && a.failures.size() == b.failures.size();
}

}  // namespace

TEST_CASE("an epoch of one source is a shuffle of it, another one each time") {
  const std::vector<Stream> one = {{from_to(10, 30), 3}};
  for (const size_t epoch : {0u, 1u, 7u}) {
    std::vector<uint32_t> shuffle(20);
    levit_shuffle(4 + static_cast<uint32_t>(epoch), 20, shuffle.data());
    for (uint32_t& index : shuffle) index += 10;
    CHECK(epoch_order(one, 20, 4, epoch) == shuffle);
  }
}

TEST_CASE(
    "sources come by their weights in every part of an epoch, and every picture before any comes again") {
  const std::vector<Stream> streams = {{from_to(0, 10), 3}, {from_to(10, 15), 1}};
  std::map<uint32_t, size_t> times;
  for (size_t epoch = 0; epoch < 6; ++epoch) {
    const std::vector<uint32_t> order = epoch_order(streams, 20, 1, epoch);
    REQUIRE(order.size() == 20);
    for (size_t first = 0; first < 20; first += 4)
      CHECK(std::count_if(&order[first], &order[first] + 4, [](uint32_t i) { return i >= 10; }) == 1);
    for (const uint32_t picture : order) ++times[picture];
  }
  for (uint32_t i = 0; i < 10; ++i) CHECK(times[i] == 9);   // 6 epochs of 15
  for (uint32_t i = 10; i < 15; ++i) CHECK(times[i] == 6);  // 6 epochs of 5
}

TEST_CASE("streams of one size do not come in one order") {
  const std::vector<uint32_t> order = epoch_order({{from_to(0, 50), 1}, {from_to(50, 100), 1}}, 100, 0, 0);
  size_t pairs = 0;
  for (size_t i = 0; i < 100; i += 2) pairs += order[i] + 50 == order[i + 1] ? 1 : 0;
  CHECK(pairs < 10);
}

TEST_CASE("batches are the same for any number of threads, across epochs and from any batch on") {
  const std::vector<LoadedBatch> one = all_batches(options_of(1, 22, 3));
  REQUIRE(one.size() == 18);
  CHECK(one[5].last);
  CHECK(one[5].pictures.size() == 2);
  CHECK(one[6].epoch == 1);
  CHECK(one[0].pictures != one[6].pictures);
  for (const size_t threads : {0u, 2u, 3u, 7u}) {
    CAPTURE(threads);
    const std::vector<LoadedBatch> several = all_batches(options_of(threads, 22, 3));
    REQUIRE(several.size() == one.size());
    for (size_t i = 0; i < one.size(); ++i) CHECK(same(one[i], several[i]));
  }
  LoaderOptions later = options_of(2, 22, 3);
  later.first_epoch = 1;
  later.first_batch = 4;
  const std::vector<LoadedBatch> rest = all_batches(later);
  REQUIRE(rest.size() == 8);
  for (size_t i = 0; i < rest.size(); ++i) CHECK(same(rest[i], one[i + 10]));
}

TEST_CASE("a picture that cannot be prepared is left out of its batch and named") {
  LoaderOptions options = options_of(2, 8, 1);
  options.prepare = [](uint32_t picture, uint64_t number, size_t, uint8_t* out) {
    if (picture % 3 == 0) throw std::runtime_error("broken");
    write_sample(picture, number, out);
  };
  std::vector<uint32_t> kept, failed;
  uint64_t number = 0;
  for (const LoadedBatch& batch : all_batches(options)) {
    CHECK(batch.pictures.size() + batch.failures.size() == 4);
    kept.insert(kept.end(), batch.pictures.begin(), batch.pictures.end());
    for (const LoadFailure& failure : batch.failures) {
      CHECK(failure.cause == "broken");
      failed.push_back(failure.picture);
    }
    const std::vector<uint32_t> order = options.order(0);
    for (size_t i = 0; i < batch.pictures.size(); ++i, ++number) {
      while (order[number] % 3 == 0) ++number;
      uint8_t expected[kBytes];
      write_sample(order[number], number, expected);
      CHECK(std::equal(expected, expected + kBytes, &batch.samples[i * kBytes]));
    }
  }
  std::sort(kept.begin(), kept.end());
  std::sort(failed.begin(), failed.end());
  CHECK(kept == std::vector<uint32_t>{1, 2, 4, 5, 7});
  CHECK(failed == std::vector<uint32_t>{0, 3, 6});
}

TEST_CASE("what is no failure of a picture comes out of next(), and a loader ends with batches left") {
  LoaderOptions options = options_of(3, 40, 2);
  options.prepare = [](uint32_t picture, uint64_t, size_t, uint8_t*) {
    if (picture == 11) throw std::logic_error("a defect");
  };
  for (const size_t threads : {0u, 3u}) {
    options.threads = threads;
    Loader failing(options);
    CHECK_THROWS_AS(
        [&] {
          while (failing.next() != nullptr) {
          }
        }(),
        std::logic_error);
  }
  Loader left(options_of(3, 40, 1000));
  for (int i = 0; i < 5; ++i) CHECK(left.next() != nullptr);
}

TEST_CASE("training ends on plain pictures, and no augmented view comes twice before that") {
  CHECK(view_of(0, 0, 0) == 0);
  CHECK(view_of(7, 0.5, 0) == 0);
  CHECK(view_of(0, 0, 1) != 0);
  CHECK(view_of(749, 0.749, 1) != 0);
  CHECK(view_of(750, 0.75, 1) == 0);
  CHECK(view_of(999, 0.999, 3) == 0);
  CHECK(view_of(5, 0, 1) != view_of(6, 0, 1));
}

}  // namespace levit::tests
