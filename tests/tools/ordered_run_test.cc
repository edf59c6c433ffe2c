#include "tools/common/ordered_run.h"

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <thread>

using namespace levit::tools;

namespace {

bool never() {
  return false;
}

}  // namespace

TEST_CASE("results come out in order, whoever is slow") {
  for (const size_t threads : {1u, 2u, 5u}) {
    for (const size_t slots : {1u, 3u, 64u}) {
      ThreadPool pool(threads);
      std::vector<size_t> values(slots), order;
      OrderedRun run{200, slots, {}, {}, never};
      run.work = [&](size_t index, size_t slot, size_t) {
        if (index % 17 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
        values[slot] = index * index;
      };
      run.emit = [&](size_t index, size_t slot) {
        REQUIRE(values[slot] == index * index);
        order.push_back(index);
      };
      CHECK(run_ordered(pool, run) == 200);
      REQUIRE(order.size() == 200);
      for (size_t i = 0; i < order.size(); ++i) REQUIRE(order[i] == i);
    }
  }
}

TEST_CASE("a stopped run emits what it has begun, without a gap") {
  ThreadPool pool(3);
  std::atomic<size_t> begun{0};
  size_t emitted = 0;
  OrderedRun run{1000, 8, {}, {}, {}};
  run.work = [&](size_t, size_t, size_t) { ++begun; };
  run.emit = [&](size_t index, size_t) { CHECK(index == emitted++); };
  run.stop = [&] { return begun >= 20; };
  CHECK(run_ordered(pool, run) == begun);
  CHECK(emitted == begun);
  CHECK(begun < 1000);
}

TEST_CASE("what a step throws ends the run and comes out of it") {
  ThreadPool pool(2);
  OrderedRun run{100, 4, {}, {}, never};
  run.work = [](size_t index, size_t, size_t) {
    if (index == 50) throw std::runtime_error("broken");
  };
  run.emit = [](size_t index, size_t) { CHECK(index < 50); };
  CHECK_THROWS_WITH(run_ordered(pool, run), "broken");
  run.work = [](size_t, size_t, size_t) {};
  run.emit = [](size_t, size_t) { throw std::runtime_error("disk full"); };
  CHECK_THROWS_WITH(run_ordered(pool, run), "disk full");
}

TEST_CASE("run_both runs two tasks and hands out what either throws") {
  for (const size_t threads : {1u, 2u}) {
    ThreadPool pool(threads);
    int first = 0, second = 0;
    run_both(
        pool, [&] { first = 1; }, [&] { second = 2; });
    CHECK(first + second == 3);
    const auto fails = [] { throw std::runtime_error("no weights"); };
    CHECK_THROWS_WITH(run_both(pool, fails, [&] { second = 3; }), "no weights");
    CHECK(second == 3);
    CHECK_THROWS_WITH(run_both(
                          pool, [] {}, fails),
                      "no weights");
  }
}
