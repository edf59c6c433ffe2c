// A loop is one word that threads claim bits of; who finds nothing to claim spins a little, then sleeps.
#include "tools/common/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace levit::tools {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kStack = size_t{2} << 20;  // the default of 8 MB uses up a limit of address space
constexpr auto kSpin = std::chrono::microseconds(300);

// Tells the core that this is a spinning loop, so that its twin thread gets the execution units.
void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

uint32_t loop_of(uint64_t claim) {
  return static_cast<uint32_t>(claim >> 32);
}
uint32_t unclaimed_in(uint64_t claim) {
  return static_cast<uint32_t>(claim);
}
constexpr size_t kMostGroups = 32;

// Linux often begins a thread on the processor of its maker, where it waits for a tick of the scheduler: 2.5
// of 8.5 ms from exec to a verdict. Threads begin on any other one, and are then free to move.
void begin_elsewhere(const cpu_set_t& processors, pthread_attr_t* attributes) {
  cpu_set_t others = processors;
  const int own = sched_getcpu();
  if (own >= 0) CPU_CLR(static_cast<size_t>(own), &others);
  if (CPU_COUNT(&others) > 0) pthread_attr_setaffinity_np(attributes, sizeof others, &others);
}

// The group of a worker's own number if it is left, else the first one.
size_t choose(uint32_t unclaimed, size_t worker) {
  if (worker < kMostGroups && (unclaimed >> worker & 1) != 0) return worker;
  return static_cast<size_t>(__builtin_ctz(unclaimed));
}

}  // namespace

size_t machine_threads() {
  return std::max(1u, std::thread::hardware_concurrency());
}

ThreadPool::ThreadPool(size_t threads) : spins_(threads <= machine_threads()) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  CPU_ZERO(&processors_);
  if (sched_getaffinity(0, sizeof processors_, &processors_) != 0) CPU_ZERO(&processors_);
  begin_elsewhere(processors_, &attributes);
  starts_.reserve(threads);
  for (size_t worker = 1; worker < threads; ++worker) {
    starts_.push_back({this, worker});
    pthread_t thread{};
    if (pthread_create(&thread, &attributes, begin, &starts_.back()) != 0) break;
    threads_.push_back(thread);
  }
  pthread_attr_destroy(&attributes);
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  loop_started_.notify_all();
  for (const pthread_t thread : threads_) pthread_join(thread, nullptr);
}

void* ThreadPool::begin(void* start) {
  const auto* self = static_cast<Start*>(start);
  const cpu_set_t& processors = self->pool->processors_;
  if (CPU_COUNT(&processors) > 0) pthread_setaffinity_np(pthread_self(), sizeof processors, &processors);
  self->pool->serve(self->worker);
  return nullptr;
}

void ThreadPool::parallel_for(void* pool, size_t count, levit_task task, void* task_context) {
  static_cast<ThreadPool*>(pool)->run(count, task, task_context);
}

void ThreadPool::run(size_t count, levit_task task, void* task_context) {
  if (threads_.empty() || count < 2) {
    for (size_t i = 0; i < count; ++i) task(task_context, i, 0);
    return;
  }
  task_ = task;
  task_context_ = task_context;
  count_ = count;
  groups_ = std::min(count, kMostGroups);
  unfinished_.store(groups_, std::memory_order_relaxed);
  const uint32_t loop = loop_of(claim_.load(std::memory_order_relaxed)) + 1;
  // Sequentially consistent with sleepers_: either a thread about to sleep sees this loop, or this sees the
  // sleeper.
  claim_.store(uint64_t{loop} << 32 | 0xffffffffu >> (kMostGroups - groups_));
  if (sleepers_.load() > 0) {
    const std::lock_guard<std::mutex> lock(mutex_);
    loop_started_.notify_all();
  }
  work(loop, 0);
  const auto finished = [this] { return unfinished_.load(std::memory_order_acquire) == 0; };
  if (spin(finished)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  loop_finished_.wait(lock, finished);
}

// Claims and runs groups of tasks until this loop has none left.
void ThreadPool::work(uint32_t loop, size_t worker) {
  size_t done = 0;
  uint64_t claim = claim_.load(std::memory_order_acquire);
  while (loop_of(claim) == loop && unclaimed_in(claim) > 0) {
    const size_t group = choose(unclaimed_in(claim), worker);
    if (!claim_.compare_exchange_weak(claim, claim & ~(uint64_t{1} << group), std::memory_order_acquire))
      continue;
    for (size_t i = count_ * group / groups_; i < count_ * (group + 1) / groups_; ++i)
      task_(task_context_, i, worker);
    ++done;
    claim = claim_.load(std::memory_order_acquire);
  }
  if (done == 0 || unfinished_.fetch_sub(done, std::memory_order_acq_rel) != done || worker == 0) return;
  // The last group is done: under the lock, or the caller could miss it between its check and its sleep.
  const std::lock_guard<std::mutex> lock(mutex_);
  loop_finished_.notify_one();
}

void ThreadPool::serve(size_t worker) {
  for (uint32_t loop = 0; !stop_;) {
    loop = wait_for_loop_after(loop);
    work(loop, worker);
  }
}

uint32_t ThreadPool::wait_for_loop_after(uint32_t loop) {
  const auto started = [this, loop] { return loop_of(claim_.load()) != loop || stop_; };
  if (!spin(started)) {
    std::unique_lock<std::mutex> lock(mutex_);
    ++sleepers_;
    loop_started_.wait(lock, started);
    --sleepers_;
  }
  return loop_of(claim_.load(std::memory_order_acquire));
}

// Waits a short while for ready(); false when it did not come true.
template <typename Ready>
bool ThreadPool::spin(Ready ready) const {
  if (!spins_) return ready();
  const auto until = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (Clock::now() < until);
  return ready();
}

}  // namespace levit::tools
