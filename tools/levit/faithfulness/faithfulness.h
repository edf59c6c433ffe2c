// levit explain --faithfulness: are the maps better than random ones, and do they lie on edges?
#ifndef LEVIT_TOOLS_LEVIT_FAITHFULNESS_FAITHFULNESS_H_
#define LEVIT_TOOLS_LEVIT_FAITHFULNESS_FAITHFULNESS_H_

#include "tools/common/input_list.h"
#include "tools/levit/explain/setup.h"

namespace levit::tools {

// Measures all inputs, prints a table or JSON, and writes a plot when there is an output directory. Returns
// the exit code.
int run_faithfulness(const ExplainArguments& arguments, const InputList& list);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FAITHFULNESS_FAITHFULNESS_H_
