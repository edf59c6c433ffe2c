// A bounded pipeline over many inputs: several threads work, results come out in the order of the inputs, and
// memory does not grow with their number.
#ifndef LEVIT_TOOLS_COMMON_ORDERED_RUN_H_
#define LEVIT_TOOLS_COMMON_ORDERED_RUN_H_

#include <functional>

#include "tools/common/thread_pool.h"

namespace levit::tools {

struct OrderedRun {
  size_t count;  // inputs
  size_t slots;  // results that may wait for their turn, at least 1; the caller keeps that many
  // Works on input `index` and leaves its result in `slot`. On any thread of the pool; no two calls share a
  // worker.
  std::function<void(size_t index, size_t slot, size_t worker)> work;
  // Takes the result of input `index` out of `slot`: in order, one call at a time.
  std::function<void(size_t index, size_t slot)> emit;
  std::function<bool()> stop;  // true: begin no further input; what was begun is finished and emitted
};

// Runs on all workers of the pool. Returns how many inputs were emitted. What work or emit throws ends the
// run and is thrown again here.
size_t run_ordered(ThreadPool& pool, const OrderedRun& run);

// Runs two tasks at the same time, on two threads where the pool has them. What either throws comes out.
void run_both(ThreadPool& pool, const std::function<void()>& first, const std::function<void()>& second);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_COMMON_ORDERED_RUN_H_
