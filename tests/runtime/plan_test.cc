// The plan of the arena, and the pieces of a pass that an observer is told.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "runtime/context.h"
#include "tests/runtime/goldens.h"

namespace levit::tests {
namespace {

using runtime::Buffer;

struct Listed {
  std::vector<Buffer> buffers;
  runtime::Plan plan;
};

Listed list(const OpenModel& model, uint32_t features, uint32_t batch, uint32_t threads) {
  levit_options options = options_with(features, batch);
  options.threads = threads;
  options.parallel_for = [](void*, size_t, levit_task, void*) {};
  Listed listed;
  const auto collect = [](void* to, const Buffer& buffer) {
    static_cast<std::vector<Buffer>*>(to)->push_back(buffer);
  };
  REQUIRE(runtime::list_plan(model, &options, {collect, &listed.buffers}, &listed.plan) == LEVIT_OK);
  return listed;
}

bool meet(const Buffer& a, const Buffer& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

TEST_CASE("buffers that live at the same time share no byte, and none ends behind the workspace") {
  for (const char* variant : {"micro", "128s"}) {
    const OpenModel model(Seed{variant});
    for (const uint32_t features : {0u, uint32_t{LEVIT_GRADIENT}, uint32_t{LEVIT_ATTRIBUTION}}) {
      for (const auto& sizes : {std::pair{1u, 1u}, {5u, 1u}, {3u, 4u}, {9u, 2u}}) {
        const unsigned batch = sizes.first, threads = sizes.second;
        CAPTURE(variant);
        CAPTURE(features);
        CAPTURE(batch);
        CAPTURE(threads);
        const Listed listed = list(model, features, batch, threads);
        const size_t end =
            listed.plan.options.replicas() > 1 ? listed.plan.replica_floats : listed.plan.floats;
        REQUIRE(listed.buffers.size() > 20);
        size_t wrong = 0;
        for (const Buffer& a : listed.buffers) {
          wrong += a.offset + a.floats > end || a.offset % 16 != 0 || std::string(a.name).empty();
          for (const Buffer& b : listed.buffers)
            wrong +=
                &a != &b && meet(a, b) && a.offset < b.offset + b.floats && b.offset < a.offset + a.floats;
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("the plan of the default model has not grown") {
  const OpenModel model(Seed{"128s", 2, 2, true, weights::Type::kHalf});
  size_t bytes = 0;
  levit_options options = options_with(0);
  REQUIRE(levit_arena_bytes(model, &options, &bytes) == LEVIT_OK);
  CHECK(bytes <= 729152);
  options.features = LEVIT_GRADIENT;
  REQUIRE(levit_arena_bytes(model, &options, &bytes) == LEVIT_OK);
  CHECK(bytes <= 4054080);
}

TEST_CASE("an observer is told of every piece of a pass, the head included, with its products") {
  const OpenModel model(Seed{"micro", 3});
  const OpenContext context(model, options_with(LEVIT_GRADIENT));
  std::vector<runtime::Event> events;
  const runtime::Observer observer = {[](void* to, const runtime::Event& event) {
                                        static_cast<std::vector<runtime::Event>*>(to)->push_back(event);
                                      },
                                      &events};
  runtime::observe(context, &observer);
  const std::vector<float> picture = seeded_input();
  std::vector<float> gradient(kPixels);
  const float direction[] = {1, 0, 0};
  REQUIRE(levit_gradient(context, {nullptr, picture.data()}, 1, direction, LEVIT_INPUT, gradient.data(),
                         nullptr, nullptr) == LEVIT_OK);
  std::multiset<std::string> forward, backward;
  for (const runtime::Event& event : events) {
    (event.backward ? backward : forward).insert(event.name);
    CHECK(event.multiply_adds > 0);
    if (std::string(event.name) == "head") CHECK(event.multiply_adds == uint64_t{3} * model.info().dims[2]);
  }
  CHECK(forward.count("head") == 1);
  CHECK(forward.count("stem") == 1);
  CHECK(forward == backward);
  CHECK(std::string(events.front().name) == "stem");
  CHECK(std::string(events.back().name) == "stem");
}

}  // namespace levit::tests
