// The way of every command through many inputs: several threads work, results come out in the order of the
// inputs, progress is shown, Ctrl-C finishes what has begun, and what fails is named without stopping the
// rest.
#ifndef LEVIT_TOOLS_LEVIT_JOB_H_
#define LEVIT_TOOLS_LEVIT_JOB_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "levit.h"
#include "tools/common/input_file.h"
#include "tools/common/input_list.h"
#include "tools/common/output.h"
#include "tools/common/thread_pool.h"

namespace levit::tools {

class Job {
 public:
  // Works on groups of `group` inputs. `threads`: as many as asked for, 0 for all of the machine; with a
  // single group, where they work inside the network, 0 means at most `alone`.
  Job(const InputList& list, size_t threads, size_t group = 1, size_t alone = SIZE_MAX);

  const InputList& list() const { return list_; }
  ThreadPool& pool() { return pool_; }
  size_t workers() const { return alone() ? 1 : pool_.threads(); }
  bool alone() const { return groups_ < 2; }  // a single group, whose worker has all threads

  // For the context of a worker: `batch`, and the threads when a worker has them.
  levit_options options(size_t batch);

  // Calls work(first, count, worker) for every group list().inputs[first .. first + count), on any thread,
  // but no two calls at once for the same worker < workers(). What it returns goes to emit() in the order of
  // the inputs, one call at a time; emit() returns false for a group that Ctrl-C has cut short, and
  // is not called when work() threw Interrupted. What either else throws ends the run and comes out of it.
  // After Ctrl-C no group begins.
  template <typename Result>
  void run(const std::function<Result(size_t first, size_t count, size_t worker)>& work,
           const std::function<bool(Result&)>& emit) {
    std::vector<std::optional<Result>> slots(slot_count());
    run_slots(
        [&](size_t first, size_t count, size_t slot, size_t worker) {
          try {
            slots[slot] = work(first, count, worker);
          } catch (const Interrupted&) {
            slots[slot].reset();
          }
        },
        [&](size_t slot) { return slots[slot].has_value() && emit(*slots[slot]); });
  }

  // From emit(): counts a failure and says its cause on standard error.
  void fail(const std::string& path, const std::string& cause);

  // How far the only input of a job that is alone is, in units of its own ("samples").
  void inner_progress(size_t done, size_t total, const char* unit);

  size_t failures() const { return failures_; }
  double seconds() const { return progress_.seconds(); }  // since the start

  // Takes the progress line away, says what Ctrl-C has left, and returns the exit code. `summary`, unless
  // empty, goes in front of that.
  int finish(const std::vector<std::string>& summary);

 private:
  using SlotWork = std::function<void(size_t first, size_t count, size_t slot, size_t worker)>;
  size_t slot_count() const;
  void run_slots(const SlotWork& work, const std::function<bool(size_t slot)>& emit);

  const InputList& list_;
  size_t group_, groups_;
  ThreadPool pool_;
  Progress progress_;
  std::optional<Progress> inner_;
  size_t done_ = 0, failures_ = 0;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_JOB_H_
