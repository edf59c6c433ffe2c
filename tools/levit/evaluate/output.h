// An evaluation as a table, as JSON and as CSV.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_OUTPUT_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_OUTPUT_H_

#include <string>

#include "tools/levit/evaluate/evaluation.h"

namespace levit::tools {

// "ROC-AUC" for "roc_auc".
std::string metric_title(std::string name);

// What the temperature is, and which would fit these pictures best.
std::string temperature_line(const Evaluation& all);

// `columns`: of the terminal; 0: as wide as it is.
std::string evaluation_table(const Evaluation& all, size_t columns);

// One object; what is not defined is null.
std::string evaluation_json(const Evaluation& all);

// A row per picture: path, source, label, predicted, correct, width, height, and the probability of each
// class.
std::string predictions_csv(const Evaluation& all);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_OUTPUT_H_
