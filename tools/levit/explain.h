// levit explain: which parts of a picture speak for a verdict.
#ifndef LEVIT_TOOLS_LEVIT_EXPLAIN_H_
#define LEVIT_TOOLS_LEVIT_EXPLAIN_H_

#include "tools/levit/explain_setup.h"

namespace levit::tools {

// Writes sheets, maps and index.html, or measures faithfulness. Returns the exit code.
int run_explain(const ExplainArguments& arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EXPLAIN_H_
