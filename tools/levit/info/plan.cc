// Lines have 20 columns of a name, 10 of an offset and 10 of a size, and one for each step, 55 at most.
#include "tools/levit/info/plan.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "levit.hpp"
#include "runtime/context.h"

namespace levit::tools {
namespace {

using runtime::Buffer;
using runtime::kGroups;

constexpr size_t kBytes = sizeof(float);

std::string group_name(size_t group) {
  if (group == kGroups) return "";
  return (group % 2 == 0 ? "stage" + std::to_string(group / 2) : "down" + std::to_string(group / 2 + 1)) +
         " ";
}

std::string name_of(const Buffer& buffer) {
  return group_name(buffer.group) + buffer.name;
}

std::string step_name(size_t step) {
  constexpr const char* kPhases[] = {"qkv", "attention", "proj", "expand", "contract"};
  if (step == runtime::kStepSums) return "sums";
  const bool back = step > runtime::kStepHead;
  const size_t forward = back ? runtime::mirror(step) : step;
  std::string name = forward == runtime::kStepStem ? "stem" : "head";
  if (forward != runtime::kStepStem && forward != runtime::kStepHead) {
    const size_t group = (forward - 1) / runtime::kPhases;
    name = group_name(group) + kPhases[(forward - 1) % runtime::kPhases];
  }
  return back ? "vjp of " + name : name;
}

std::string format(const char* pattern, const std::string& name, size_t a, size_t b) {
  char line[128];
  std::snprintf(line, sizeof line, pattern, name.c_str(), a, b);
  return line;
}

bool alive(const Buffer& buffer, size_t step) {
  return buffer.first <= step && step <= buffer.last;
}

size_t live_floats(const std::vector<Buffer>& buffers, size_t step) {
  size_t sum = 0;
  for (const Buffer& buffer : buffers) sum += alive(buffer, step) ? buffer.floats : 0;
  return sum;
}

// Where a step is: "S" for the stem, "0" to "2" for the blocks of a stage, "d" for a downsampling, "H" for
// the head, "+" for sums.
std::string ruler(size_t steps) {
  std::string text;
  for (size_t step = 0; step < steps; ++step) {
    const size_t forward = step > runtime::kStepHead ? runtime::mirror(step) : step;
    if (step == runtime::kStepSums) {
      text += '+';
    } else if (forward == runtime::kStepStem || forward == runtime::kStepHead) {
      text += forward == runtime::kStepStem ? 'S' : 'H';
    } else {
      const size_t group = (forward - 1) / runtime::kPhases;
      text += group % 2 == 0 ? static_cast<char>('0' + group / 2) : 'd';
    }
  }
  return text;
}

std::string fullest(const std::vector<Buffer>& buffers, size_t steps) {
  size_t peak = 0;
  for (size_t step = 1; step < steps; ++step)
    if (live_floats(buffers, step) > live_floats(buffers, peak)) peak = step;
  std::vector<Buffer> there;
  for (const Buffer& buffer : buffers)
    if (alive(buffer, peak)) there.push_back(buffer);
  std::sort(there.begin(), there.end(), [](const Buffer& a, const Buffer& b) { return a.floats > b.floats; });
  std::string text = format("\nfullest at %s: %zu bytes in %zu buffers\n", step_name(peak),
                            live_floats(buffers, peak) * kBytes, there.size());
  constexpr size_t kShown = 8;
  for (size_t i = 0; i < std::min(kShown, there.size()); ++i)
    text += format("  %-20s %10zu bytes at %zu\n", name_of(there[i]), there[i].floats * kBytes,
                   there[i].offset * kBytes);
  return text;
}

}  // namespace

std::string draw_plan(const levit_model* model, const levit_options& options) {
  std::vector<Buffer> buffers;
  const auto collect = [](void* to, const Buffer& buffer) {
    static_cast<std::vector<Buffer>*>(to)->push_back(buffer);
  };
  runtime::Plan plan;
  check(runtime::list_plan(model, &options, {collect, &buffers}, &plan));
  std::stable_sort(buffers.begin(), buffers.end(),
                   [](const Buffer& a, const Buffer& b) { return a.offset < b.offset; });
  size_t steps = 0;
  for (const Buffer& buffer : buffers) steps = std::max(steps, buffer.last + 1);
  steps = plan.options.attribution ? steps : std::min(steps, size_t{runtime::kStepSums});
  if (!plan.options.gradient) steps = runtime::kStepHead + 1;

  std::string text = "arena " + std::to_string(arena_bytes(model, options)) + " bytes, workspace " +
                     std::to_string(plan.floats * kBytes) + ", without sharing " +
                     std::to_string(plan.unshared * kBytes) + "\n";
  const size_t replicas = plan.options.replicas();
  if (replicas > 1)
    text += std::to_string(replicas) + " replicas of " + std::to_string(plan.replica_floats * kBytes) +
            " bytes; this is one:\n";
  char head[128];
  std::snprintf(head, sizeof head, "%-20s %10s %10s  ", "buffer", "offset", "bytes");
  text += head + ruler(steps) + "\n";
  for (const Buffer& buffer : buffers) {
    text += format("%-20s %10zu %10zu  ", name_of(buffer), buffer.offset * kBytes, buffer.floats * kBytes);
    for (size_t step = 0; step < std::min(steps, buffer.last + 1); ++step)
      text += alive(buffer, step) ? '#' : '.';
    text += "\n";
  }
  return text + fullest(buffers, steps);
}

}  // namespace levit::tools
