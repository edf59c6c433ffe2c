// From the measures of single pictures to intervals, a table, JSON and a plot.
#ifndef LEVIT_TOOLS_LEVIT_FAITHFULNESS_REPORT_H_
#define LEVIT_TOOLS_LEVIT_FAITHFULNESS_REPORT_H_

#include <string>
#include <vector>

#include "tools/common/interval.h"
#include "tools/levit/explain/setup.h"
#include "tools/levit/faithfulness/curves.h"

namespace levit::tools {

// A map that is measured: of one method and, if it is a class activation map, of one layer or the mean of
// several.
struct MeasuredMap {
  Method method;
  std::vector<levit_layer> layers;
};

// Every method with each of its layers and, when there are several, with their mean.
std::vector<MeasuredMap> measured_maps(const ExplainSetup& setup);

struct MapMeasures {
  Curves curves;
  double edge_share;  // negative: the map is flat
};

struct PictureMeasures {
  size_t label;                   // the most likely class
  std::vector<MapMeasures> maps;  // by measured_maps()
  Curves random;                  // mean over the random maps
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

struct MapSummary {
  MeasuredMap map;
  MeanCurve deletion, insertion;
  // Paired with the random maps of the same picture; positive: better than random.
  Interval deletion_gain, insertion_gain;
  std::vector<EdgeShare> edges;  // by class that has pictures
  size_t flat = 0;
};

struct FaithfulnessSummary {
  size_t pictures = 0;
  std::vector<MapSummary> maps;
  MeanCurve random_deletion, random_insertion;
};

FaithfulnessSummary summarise(const ExplainSetup& setup, const std::vector<PictureMeasures>& pictures);

std::string faithfulness_table(const ExplainSetup& setup, const ExplainArguments& arguments,
                               const FaithfulnessSummary& summary);
std::string faithfulness_json(const ExplainSetup& setup, const ExplainArguments& arguments,
                              const FaithfulnessSummary& summary);

// DIRECTORY/faithfulness.png
void write_faithfulness_plot(const std::string& directory, const FaithfulnessSummary& summary);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_FAITHFULNESS_REPORT_H_
