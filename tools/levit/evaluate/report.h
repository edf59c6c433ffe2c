// An evaluation as one HTML file that needs nothing beside it and no script.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_REPORT_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_REPORT_H_

#include <string>
#include <vector>

#include "tools/levit/evaluate/evaluation.h"
#include "tools/levit/evaluate/mistakes.h"

namespace levit::tools {

// The beginning of a page up to <body>, with the style of plots and tables.
std::string page_head(const std::string& title);

std::string evaluation_report(const Evaluation& all, const std::vector<Mistake>& mistakes);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_REPORT_H_
