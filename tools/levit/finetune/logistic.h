// The optimum of L2-regularised logistic regression, as scikit-learn's LogisticRegression(C) defines it.
#ifndef LEVIT_TOOLS_LEVIT_FINETUNE_LOGISTIC_H_
#define LEVIT_TOOLS_LEVIT_FINETUNE_LOGISTIC_H_

#include "tools/levit/finetune/head_fit.h"

namespace levit::tools {

// Minimises C * sum over rows of c[label] * (-log p[label]) + |W|^2 / 2, biases free. Two classes share one
// vector, as scikit-learn has them: the logits are -z / 2 and z / 2. Uses classes, class_weights and
// inverse_penalty of the options.
HeadFit fit_logistic(const LabelledRows& rows, const FitOptions& options, ThreadPool& pool);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FINETUNE_LOGISTIC_H_
