// The fork-join pool behind levit_parallel_for. The caller works too, as worker 0.
#ifndef LEVIT_TOOLS_COMMON_THREAD_POOL_H_
#define LEVIT_TOOLS_COMMON_THREAD_POOL_H_

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "levit.h"

namespace levit::tools {

// Threads that this machine runs at once, at least 1.
size_t machine_threads();

// Idle threads spin for a few hundred microseconds, so that the loops of one forward pass follow each other
// without a system call, and then sleep. With more threads than the machine runs at once nothing spins.
class ThreadPool {
 public:
  // `threads` workers, the caller of run() among them; at least 1. Where the system grants fewer (a limit of
  // processes or of memory), the pool goes on with those it got: threads() says how many.
  explicit ThreadPool(size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const { return threads_.size() + 1; }

  // Runs task(task_context, i, worker) for every i < count, worker < threads(); returns when all are done.
  // A worker takes the task of its own number first, so that from loop to loop it meets what lies in its
  // cache. Calls come from one thread at a time and not from a task; tasks do not throw.
  void run(size_t count, levit_task task, void* task_context);

  // run() as levit_options wants it; `pool` is a ThreadPool*.
  static void parallel_for(void* pool, size_t count, levit_task task, void* task_context);

 private:
  struct Start {
    ThreadPool* pool;
    size_t worker;
  };
  static void* begin(void* start);
  void serve(size_t worker);
  void work(uint32_t loop, size_t worker);
  uint32_t wait_for_loop_after(uint32_t loop);
  template <typename Ready>
  bool spin(Ready ready) const;

  // The running loop. Its plain members are written while no task is left to claim and read after a claim.
  levit_task task_ = nullptr;
  void* task_context_ = nullptr;
  size_t count_ = 0, groups_ = 0;
  // Number of the loop (high half) and a bit for each group of tasks not claimed yet (low half) in one word:
  // a thread that comes late from an earlier loop cannot claim a group of this one by mistake.
  alignas(64) std::atomic<uint64_t> claim_{0};
  alignas(64) std::atomic<size_t> unfinished_{0};
  alignas(64) std::atomic<size_t> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable loop_started_, loop_finished_;
  std::atomic<bool> stop_{false};
  bool spins_;
  cpu_set_t processors_;       // that threads may run on; none where the system does not say
  std::vector<Start> starts_;  // what the threads begin with
  std::vector<pthread_t> threads_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_THREAD_POOL_H_
