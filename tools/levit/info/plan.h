// levit info --plan: the arena of a context as a drawing.
#ifndef LEVIT_TOOLS_LEVIT_INFO_PLAN_H_
#define LEVIT_TOOLS_LEVIT_INFO_PLAN_H_

#include <string>

#include "levit.h"

namespace levit::tools {

// Buffers from the lowest address on, over the steps of a pass, in lines of at most 100 columns: which share
// bytes, how much the arena has at its fullest step, and who is there. Throws levit::Error.
std::string draw_plan(const levit_model* model, const levit_options& options);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_INFO_PLAN_H_
