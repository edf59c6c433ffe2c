// Runs of `levit classify` that are divided or go on where they were killed.
#ifndef LEVIT_TOOLS_LEVIT_CLASSIFY_RESUME_H_
#define LEVIT_TOOLS_LEVIT_CLASSIFY_RESUME_H_

#include <string>

#include "tools/common/input_list.h"
#include "tools/common/shard.h"

namespace levit::tools {

// Sorts the inputs by the bytes of their paths and keeps those of the shard.
void keep_shard(InputList& list, const Shard& shard);

struct FinishedInputs {
  size_t inputs = 0;  // of the list, from its first on
  size_t bytes = 0;   // of the file, that say so
  size_t failed = 0;  // of these
};

// What a file of JSON lines of an earlier run over `list` holds; nothing when there is no such file. A line
// without an end is not counted, nor is the last of several lines of a tensor file, which may miss some.
// Throws std::runtime_error "path: cause" when the lines are not of this list.
FinishedInputs finished_inputs(const std::string& path, const InputList& list);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_CLASSIFY_RESUME_H_
