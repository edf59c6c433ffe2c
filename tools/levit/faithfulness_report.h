// From the measures of single pictures to intervals, a table, JSON and a plot.
#ifndef LEVIT_TOOLS_LEVIT_FAITHFULNESS_REPORT_H_
#define LEVIT_TOOLS_LEVIT_FAITHFULNESS_REPORT_H_

#include <string>
#include <vector>

#include "tools/common/interval.h"
#include "tools/levit/curves.h"
#include "tools/levit/explain_setup.h"

namespace levit::tools {

struct MethodMeasures {
  Curves curves;
  double edge_share;  // negative: the map is flat
};

struct PictureMeasures {
  size_t label;                         // the most likely class
  std::vector<MethodMeasures> methods;  // by ExplainSetup::methods
  Curves random;                        // mean over the random maps
};

struct MeanCurve {
  std::vector<Interval> points;
  Interval area;
};

struct EdgeShare {
  size_t label;
  size_t pictures;  // with a map that is not flat
  Interval share;
};

struct MethodSummary {
  MeanCurve deletion, insertion;
  // Paired with the random maps of the same picture; positive: better than random.
  Interval deletion_gain, insertion_gain;
  std::vector<EdgeShare> edges;  // by class that has pictures
  size_t flat = 0;
};

struct FaithfulnessSummary {
  size_t pictures = 0;
  std::vector<MethodSummary> methods;
  MeanCurve random_deletion, random_insertion;
};

FaithfulnessSummary summarise(const ExplainSetup& setup, const std::vector<PictureMeasures>& pictures);

std::string faithfulness_table(const ExplainSetup& setup, const ExplainArguments& arguments,
                               const FaithfulnessSummary& summary);
std::string faithfulness_json(const ExplainSetup& setup, const ExplainArguments& arguments,
                              const FaithfulnessSummary& summary);

// DIRECTORY/faithfulness.png
void write_faithfulness_plot(const std::string& directory, const ExplainSetup& setup,
                             const FaithfulnessSummary& summary);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FAITHFULNESS_REPORT_H_
