#include "tools/common/thread_pool.h"

#include <doctest/doctest.h>

#include <chrono>
#include <numeric>
#include <thread>

namespace {

using levit::tools::ThreadPool;

struct Loop {
  std::vector<std::atomic<int>> runs;
  std::vector<std::atomic<int>> inside;  // calls at this moment, by worker
  std::atomic<bool> shared_worker{false};

  Loop(size_t count, size_t workers) : runs(count), inside(workers) {}

  static void task(void* self, size_t index, size_t worker) {
    auto* loop = static_cast<Loop*>(self);
    if (++loop->inside[worker] != 1) loop->shared_worker = true;
    ++loop->runs[index];
    --loop->inside[worker];
  }
};

}  // namespace

TEST_CASE("every index of a loop runs once, on a worker of its own") {
  for (const size_t threads : {1u, 2u, 3u, 7u}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const size_t count : {0u, 1u, 2u, 5u, 64u, 1000u}) {
      Loop loop(count, threads);
      for (int repeat = 0; repeat < 20; ++repeat) ThreadPool::parallel_for(&pool, count, Loop::task, &loop);
      CHECK_FALSE(loop.shared_worker);
      for (const auto& runs : loop.runs) REQUIRE(runs == 20);
    }
  }
}

TEST_CASE("a loop is over when run() returns, however short the loops and however long the pauses") {
  ThreadPool pool(2);
  std::vector<int> values(3);  // not atomic: the pool must order the writes and the reads
  const auto add = [](void* context, size_t index, size_t) {
    ++(*static_cast<std::vector<int>*>(context))[index];
  };
  for (int repeat = 1; repeat <= 20000; ++repeat) {
    pool.run(values.size(), add, &values);
    REQUIRE(std::accumulate(values.begin(), values.end(), 0) == 3 * repeat);
    if (repeat % 2000 == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the workers fall asleep
  }
}

TEST_CASE("two threads work at the same time") {
  ThreadPool pool(2);
  std::atomic<int> arrived{0};
  const auto meet = [](void* context, size_t, size_t) {
    auto* both = static_cast<std::atomic<int>*>(context);
    ++*both;
    while (*both < 2) std::this_thread::yield();
  };
  pool.run(2, meet, &arrived);
  CHECK(arrived == 2);
}
