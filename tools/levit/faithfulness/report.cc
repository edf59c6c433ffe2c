// Means with paired gains over random maps, as a table, as JSON and as a plot.
#include "tools/levit/faithfulness/report.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

#include "tools/common/text.h"
#include "tools/draw/plot.h"
#include "tools/draw/png.h"

namespace levit::tools {
namespace {

using Json = nlohmann::ordered_json;
using CurveOf = std::function<const std::vector<double>&(const PictureMeasures&)>;

MeanCurve mean_curve(const std::vector<PictureMeasures>& pictures, const CurveOf& curve_of) {
  MeanCurve mean;
  std::vector<double> values(pictures.size());
  for (size_t point = 0; point <= kCurveSteps; ++point) {
    for (size_t i = 0; i < pictures.size(); ++i) values[i] = curve_of(pictures[i])[point];
    mean.points.push_back(mean_interval(values));
  }
  for (size_t i = 0; i < pictures.size(); ++i) values[i] = area(curve_of(pictures[i]));
  mean.area = mean_interval(values);
  return mean;
}

// Mean of area(more) - area(less) over pictures.
Interval mean_gain(const std::vector<PictureMeasures>& pictures, const CurveOf& more, const CurveOf& less) {
  std::vector<double> gains(pictures.size());
  std::transform(pictures.begin(), pictures.end(), gains.begin(),
                 [&](const PictureMeasures& picture) { return area(more(picture)) - area(less(picture)); });
  return mean_interval(gains);
}

std::string map_title(const MeasuredMap& map) {
  return method_flag(map.method) + (map.layers.empty() ? "" : " " + layer_flags(map.layers));
}

size_t title_column(const FaithfulnessSummary& summary) {
  size_t width = 6;  // "random"
  for (const MapSummary& map : summary.maps) width = std::max(width, map_title(map.map).size());
  return width + 2;
}

std::string signed_fixed(double value, int decimals) {
  return (value >= 0 ? "+" : "") + fixed(value, decimals);
}

std::string range(const Interval& interval, double unit, int decimals) {
  return "[" + fixed(interval.low * unit, decimals) + ", " + fixed(interval.high * unit, decimals) + "]";
}

const char* verdict(const Interval& gain) {
  if (gain.low > 0) return "better than random";
  return gain.high < 0 ? "worse than random" : "not told apart from random";
}

std::string edge_lines(const ExplainSetup& setup, const FaithfulnessSummary& summary) {
  const size_t column = title_column(summary);
  std::string text =
      "\nshare of heat on the 10 % of pixels with the strongest Sobel gradient; by chance 10 %\n" +
      padded("map", column) + padded("most likely", 14) + padded("pictures", 10) + padded("share", 9) +
      "95 % interval\n";
  for (const MapSummary& map : summary.maps) {
    const std::string title = padded(map_title(map.map), column);
    for (const EdgeShare& edge : map.edges) {
      text += title + padded(setup.context.labels[edge.label], 14) +
              padded(std::to_string(edge.pictures), 10) + padded(fixed(100 * edge.share.mean, 1) + " %", 9) +
              range(edge.share, 100, 1) + "\n";
    }
    if (map.flat > 0) text += title + std::to_string(map.flat) + " flat maps left out\n";
  }
  return text;
}

Json interval_json(const Interval& interval) {
  return {{"mean", interval.mean}, {"low", interval.low}, {"high", interval.high}};
}

Json curve_json(const MeanCurve& curve) {
  Json points = Json::array();
  for (const Interval& point : curve.points) points.push_back(point.mean);
  return {{"area", interval_json(curve.area)}, {"curve", points}};
}

Curve drawn_curve(const std::string& name, const MeanCurve& mean, Colour colour, bool band) {
  Curve curve;
  curve.name = name + ", area " + fixed(mean.area.mean, 3);
  curve.colour = colour;
  for (const Interval& point : mean.points) {
    curve.y.push_back(point.mean);
    if (!band) continue;
    curve.low.push_back(std::max(point.low, 0.0));
    curve.high.push_back(std::min(point.high, 1.0));
  }
  return curve;
}

}  // namespace

std::vector<MeasuredMap> measured_maps(const ExplainSetup& setup) {
  std::vector<MeasuredMap> maps;
  for (const Method method : setup.methods) {
    if (!is_cam(method)) {
      maps.push_back({method, {}});
      continue;
    }
    const std::vector<levit_layer> layers = layers_of(method, setup.options.layers);
    for (const levit_layer layer : layers) maps.push_back({method, {layer}});
    if (layers.size() > 1) maps.push_back({method, layers});
  }
  return maps;
}

FaithfulnessSummary summarise(const ExplainSetup& setup, const std::vector<PictureMeasures>& pictures) {
  FaithfulnessSummary summary;
  summary.pictures = pictures.size();
  const CurveOf random_deletion = [](const PictureMeasures& p) -> const auto& {
    return p.random.deletion;
  };
  const CurveOf random_insertion = [](const PictureMeasures& p) -> const auto& {
    return p.random.insertion;
  };
  summary.random_deletion = mean_curve(pictures, random_deletion);
  summary.random_insertion = mean_curve(pictures, random_insertion);
  const std::vector<MeasuredMap> maps = measured_maps(setup);
  for (size_t m = 0; m < maps.size(); ++m) {
    const CurveOf deletion = [m](const PictureMeasures& p) -> const auto& {
      return p.maps[m].curves.deletion;
    };
    const CurveOf insertion = [m](const PictureMeasures& p) -> const auto& {
      return p.maps[m].curves.insertion;
    };
    MapSummary map;
    map.map = maps[m];
    map.deletion = mean_curve(pictures, deletion);
    map.insertion = mean_curve(pictures, insertion);
    map.deletion_gain = mean_gain(pictures, random_deletion, deletion);
    map.insertion_gain = mean_gain(pictures, insertion, random_insertion);
    for (size_t label = 0; label < setup.context.labels.size(); ++label) {
      std::vector<double> shares;
      for (const PictureMeasures& picture : pictures) {
        if (picture.label != label) continue;
        const double share = picture.maps[m].edge_share;
        if (share >= 0) shares.push_back(share);
        map.flat += share < 0 ? 1 : 0;
      }
      if (!shares.empty()) map.edges.push_back({label, shares.size(), mean_interval(shares)});
    }
    summary.maps.push_back(map);
  }
  return summary;
}

std::string faithfulness_table(const ExplainSetup& setup, const ExplainArguments& arguments,
                               const FaithfulnessSummary& summary) {
  const size_t column = title_column(summary);
  std::string text =
      counted(summary.pictures, "picture") + ": areas under the probability of " +
      (arguments.label.empty() ? "the most likely class" : arguments.label) +
      " while cells of 16x16 pixels turn\ninto a blurred copy (deletion, less is better) or out of it "
      "(insertion, more is better).\n" +
      std::to_string(arguments.controls) +
      " random maps per picture; gains are paired; 95 % intervals (Student's t).\n\n" +
      padded("map", column) + padded("deletion", 10) + padded("gain over random", 26) +
      padded("insertion", 11) + "gain over random\n";
  const auto gain = [](const Interval& g) { return signed_fixed(g.mean, 3) + " " + range(g, 1, 3); };
  for (const MapSummary& map : summary.maps) {
    text += padded(map_title(map.map), column) + padded(fixed(map.deletion.area.mean, 3), 10) +
            padded(gain(map.deletion_gain), 26) + padded(fixed(map.insertion.area.mean, 3), 11) +
            gain(map.insertion_gain) + "\n";
  }
  text += padded("random", column) + padded(fixed(summary.random_deletion.area.mean, 3), 36) +
          fixed(summary.random_insertion.area.mean, 3) + "\n\n";
  for (const MapSummary& map : summary.maps) {
    text += padded(map_title(map.map) + ":", column) + "deletion " + verdict(map.deletion_gain) +
            ", insertion " + verdict(map.insertion_gain) + "\n";
  }
  return text + edge_lines(setup, summary);
}

std::string faithfulness_json(const ExplainSetup& setup, const ExplainArguments& arguments,
                              const FaithfulnessSummary& summary) {
  Json result;
  result["pictures"] = summary.pictures;
  result["class"] = arguments.label.empty() ? Json(nullptr) : Json(arguments.label);
  result["random_maps"] = arguments.controls;
  result["seed"] = arguments.seed;
  result["random"] = {{"deletion", curve_json(summary.random_deletion)},
                      {"insertion", curve_json(summary.random_insertion)}};
  Json& maps = result["maps"] = Json::array();
  for (const MapSummary& map : summary.maps) {
    Json one;
    one["method"] = method_flag(map.map.method);
    if (!map.map.layers.empty()) one["layer"] = layer_flags(map.map.layers);
    one["deletion"] = curve_json(map.deletion);
    one["deletion"]["gain"] = interval_json(map.deletion_gain);
    one["insertion"] = curve_json(map.insertion);
    one["insertion"]["gain"] = interval_json(map.insertion_gain);
    one["flat"] = map.flat;
    Json& edges = one["edge_share"] = Json::object();
    for (const EdgeShare& edge : map.edges) {
      Json& share = edges[setup.context.labels[edge.label]] = interval_json(edge.share);
      share["pictures"] = edge.pictures;
    }
    maps.push_back(one);
  }
  return result.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_faithfulness_plot(const std::string& directory, const FaithfulnessSummary& summary) {
  constexpr Colour kRandom = {120, 128, 140};
  constexpr Colour kColours[] = {{214, 62, 74},  {58, 92, 200},  {222, 142, 20}, {32, 150, 110},
                                 {140, 70, 180}, {20, 160, 190}, {150, 100, 60}, {230, 110, 190}};
  // More bands than this hide each other.
  const bool bands = summary.maps.size() <= 4;
  Plot deletion, insertion;
  deletion.title = "Deletion";
  deletion.detail = "lower is better";
  deletion.x_label = "share of the picture replaced by its blurred copy";
  insertion.title = "Insertion";
  insertion.detail = "higher is better";
  insertion.x_label = "share of the picture revealed on its blurred copy";
  deletion.y_label = insertion.y_label = "probability of the class";
  deletion.curves = {drawn_curve("random", summary.random_deletion, kRandom, bands)};
  insertion.curves = {drawn_curve("random", summary.random_insertion, kRandom, bands)};
  for (size_t m = 0; m < summary.maps.size(); ++m) {
    const Colour colour = kColours[m % std::size(kColours)];
    const std::string title = map_title(summary.maps[m].map);
    deletion.curves.push_back(drawn_curve(title, summary.maps[m].deletion, colour, bands));
    insertion.curves.push_back(drawn_curve(title, summary.maps[m].insertion, colour, bands));
  }
  write_png(std::filesystem::path(directory) / "faithfulness.png",
            draw_plots("Are the maps true? Means over " + counted(summary.pictures, "picture") +
                           (bands ? ", 95 % bands" : ""),
                       {deletion, insertion}));
}

}  // namespace levit::tools
