// The caller's threads. A null parallel_for, or a single worker, runs everything in the calling thread.
#ifndef LEVIT_RUNTIME_PARALLEL_H_
#define LEVIT_RUNTIME_PARALLEL_H_

#include "runtime/levit.h"

namespace levit::runtime {

struct Workers {
  size_t count;
  levit_parallel_for run;
  void* context;
};

// task(index, worker) for every index < count; returns when all are done.
template <class Task>
void parallel(const Workers& workers, size_t count, const Task& task) {
  if (workers.count == 1 || count == 1) {
    for (size_t i = 0; i < count; ++i) task(i, size_t{0});
    return;
  }
  const auto call = [](void* context, size_t index, size_t worker) {
    (*static_cast<const Task*>(context))(index, worker);
  };
  workers.run(workers.context, count, call, const_cast<Task*>(&task));
}

struct Range {
  size_t begin, end;
  size_t size() const { return end - begin; }
};

// Part `index` of `count` consecutive parts of [0, total) whose inner bounds are multiples of `quantum`.
inline Range part_of(size_t total, size_t quantum, size_t count, size_t index) {
  const size_t units = (total + quantum - 1) / quantum;
  // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there is a part `index`
  const size_t begin = units * index / count * quantum, end = units * (index + 1) / count * quantum;
  return {begin, end < total ? end : total};
}

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_PARALLEL_H_
