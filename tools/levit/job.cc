#include "tools/levit/job.h"

#include <algorithm>

#include "tools/common/ordered_run.h"
#include "tools/common/signals.h"
#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

constexpr size_t kGroupsAhead = 16;  // per worker: results that may wait for a slow input in front of them

size_t thread_count(size_t asked, size_t groups, size_t alone) {
  if (groups < 2) return asked == 0 ? std::min(machine_threads(), alone) : asked;
  return std::min(asked == 0 ? machine_threads() : asked, groups);
}

}  // namespace

Job::Job(const InputList& list, size_t threads, size_t group, size_t alone)
    : list_(list),
      group_(group),
      groups_((list.inputs.size() + group - 1) / group),
      pool_(thread_count(threads, groups_, alone)),
      progress_(list.inputs.size(), "pictures") {
  if (threads > 0 && pool_.threads() < thread_count(threads, groups_, alone)) {
    complain("the system grants " + std::to_string(pool_.threads()) + " of " + std::to_string(threads) +
             " threads; going on with these");
  }
}

levit_options Job::options(size_t batch) {
  levit_options options = levit_default_options();
  options.batch = static_cast<uint32_t>(batch);
  if (alone() && pool_.threads() > 1) {
    options.threads = static_cast<uint32_t>(pool_.threads());
    options.parallel_for = ThreadPool::parallel_for;
    options.parallel_context = &pool_;
  }
  return options;
}

size_t Job::slot_count() const {
  return alone() ? 1 : kGroupsAhead * pool_.threads();
}

void Job::run_slots(const SlotWork& work, const std::function<bool(size_t slot)>& emit) {
  const auto count = [this](size_t group) { return std::min(group_, list_.inputs.size() - group * group_); };
  OrderedRun run{groups_, slot_count(), {}, {}, interrupted};
  run.work = [&](size_t group, size_t slot, size_t worker) {
    work(group * group_, count(group), slot, worker);
  };
  run.emit = [&](size_t group, size_t slot) {
    if (!emit(slot)) return;
    done_ += count(group);
    progress_.update(done_);
  };
  if (!alone()) {
    run_ordered(pool_, run);
  } else if (groups_ == 1) {  // in this thread, since the pool works inside the network
    run.work(0, 0, 0);
    run.emit(0, 0);
  }
}

void Job::fail(const std::string& path, const std::string& cause) {
  ++failures_;
  complain((path.empty() ? "\"\"" : path == "-" ? "standard input" : path) + ": " + cause);
}

void Job::inner_progress(size_t done, size_t total, const char* unit) {
  if (!inner_) inner_.emplace(total, unit);
  inner_->update(done);
}

int Job::finish(const std::vector<std::string>& summary) {
  inner_.reset();
  progress_.clear();
  for (const std::string& line : summary) complain(line);
  if (interrupted()) return report_stop(list_.inputs.size() - done_);
  return failures_ > 0 ? kFailedExit : 0;
}

}  // namespace levit::tools
