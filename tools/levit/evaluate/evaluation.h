// Everything that is computed from the predictions of a data set. It depends on them alone, so that parts
// which were merged give the same bytes as one run.
#ifndef LEVIT_TOOLS_LEVIT_EVALUATE_EVALUATION_H_
#define LEVIT_TOOLS_LEVIT_EVALUATE_EVALUATION_H_

#include <optional>
#include <string>
#include <vector>

#include "tools/levit/evaluate/bootstrap.h"
#include "tools/levit/evaluate/doubt.h"
#include "tools/levit/evaluate/giveaway.h"
#include "tools/levit/evaluate/prediction.h"
#include "tools/levit/evaluate/probe.h"
#include "tools/levit/evaluate/summary.h"

namespace levit::tools {

// Pictures that have something in common.
struct Group {
  std::string name;
  size_t count = 0, right = 0;
  double accuracy() const { return static_cast<double>(right) / static_cast<double>(count); }
  Range interval() const { return wilson_interval(static_cast<double>(right), static_cast<double>(count)); }
};

// Verdicts after a change of the pictures.
struct Robustness {
  std::string change;
  Group kept;   // verdicts that stay as they were, right or wrong
  Group after;  // verdicts that are right
};

struct CoveragePoint {
  double share, accuracy, confidence;  // of the surest share; the smallest confidence in it
};

struct Evaluation {
  PredictionHeader header;
  std::vector<Prediction> predictions;  // those that are there, in the order of their paths
  size_t failed = 0;                    // those that are not
  Scores scores;                        // of the predictions
  Summary summary;
  std::vector<uint64_t> confusion;  // [truth][prediction]
  std::vector<Group> sources;       // folders, by name
  std::vector<Group> sizes;         // bands of the shorter side, ascending
  std::vector<CoveragePoint> coverage;
  std::optional<double> temperature;           // that fits these pictures best
  double fitted_log_loss = 0, fitted_ece = 0;  // at that temperature
  std::vector<size_t> mistakes;                // rows, the most confident first
  std::vector<Robustness> robust;              // with --robust
  std::vector<ProbedLayer> probed;             // with --probe
  Doubt doubt;                                 // with --doubt
  GiveAway give_away;
  std::vector<std::string> warnings;

  const std::string& label(size_t k) const { return header.labels[k]; }
  // Whether there is something to tell apart.
  bool several_classes() const;
  size_t classes() const { return header.labels.size(); }
  bool occurs(size_t k) const { return summary.classes[k].support > 0; }
};

// Throws std::runtime_error when no prediction is there. `seed`: of the bootstrap.
Evaluation evaluate(PredictionFile file, uint64_t seed, ThreadPool& pool);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_EVALUATE_EVALUATION_H_
