#include "tools/common/ordered_run.h"

#include <exception>

namespace levit::tools {
namespace {

class Queue {
 public:
  explicit Queue(const OrderedRun& run) : run_(run), finished_(run.slots, false) {}

  void serve(size_t worker) {
    for (size_t index; claim(&index);) {
      try {
        run_.work(index, index % run_.slots, worker);
        finish(index);
      } catch (...) {
        fail();
      }
    }
  }

  size_t emitted() const {
    if (failure_) std::rethrow_exception(failure_);
    return emitted_;
  }

 private:
  // The next input, as soon as there is a slot for its result; false when there is none to begin.
  bool claim(size_t* index) {
    std::unique_lock<std::mutex> lock(mutex_);
    slot_freed_.wait(lock, [this] { return failure_ || claimed_ < emitted_ + run_.slots; });
    if (failure_ || claimed_ == run_.count || run_.stop()) return false;
    *index = claimed_++;
    return true;
  }

  // Emits this result and those behind it, unless another worker is at it or an earlier result is still
  // missing.
  void finish(size_t index) {
    std::unique_lock<std::mutex> lock(mutex_);
    finished_[index % run_.slots] = true;
    while (!emitting_ && !failure_ && finished_[emitted_ % run_.slots]) {
      emitting_ = true;
      lock.unlock();
      run_.emit(emitted_, emitted_ % run_.slots);
      lock.lock();
      emitting_ = false;
      finished_[emitted_ % run_.slots] = false;
      ++emitted_;
      slot_freed_.notify_all();
    }
  }

  void fail() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    slot_freed_.notify_all();
  }

  const OrderedRun& run_;
  std::mutex mutex_;
  std::condition_variable slot_freed_;
  std::vector<bool> finished_;  // by slot
  size_t claimed_ = 0, emitted_ = 0;
  bool emitting_ = false;
  std::exception_ptr failure_;
};

}  // namespace

size_t run_ordered(ThreadPool& pool, const OrderedRun& run) {
  Queue queue(run);
  const auto serve = [](void* self, size_t, size_t worker) { static_cast<Queue*>(self)->serve(worker); };
  pool.run(pool.threads(), serve, &queue);
  return queue.emitted();
}

void run_both(ThreadPool& pool, const std::function<void()>& first, const std::function<void()>& second) {
  struct Task {
    const std::function<void()>& run;
    std::exception_ptr failure;
  } tasks[2] = {{first, nullptr}, {second, nullptr}};
  const auto run = [](void* both, size_t index, size_t) {
    Task& task = static_cast<Task*>(both)[index];
    try {
      task.run();
    } catch (...) {
      task.failure = std::current_exception();
    }
  };
  pool.run(2, run, tasks);
  for (const Task& task : tasks)
    if (task.failure) std::rethrow_exception(task.failure);
}

}  // namespace levit::tools
