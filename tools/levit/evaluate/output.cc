// The table, the JSON object and the CSV rows of an evaluation.
#include "tools/levit/evaluate/output.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/common/text.h"
#include "tools/levit/evaluate/calibration.h"
#include "tools/levit/evaluate/table.h"

namespace levit::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostRows = 40;  // of a table of groups or classes
constexpr const char* kWilson = "95 % interval (Wilson)";

std::string number(double value) {
  return std::isnan(value) ? "not defined" : fixed(value, 4);
}

std::string interval(double low, double high) {
  return std::isnan(low) ? "" : number(low) + " .. " + number(high);
}

Table metrics_rows(const Evaluation& all) {
  Table table({"metric", "value", "95 % interval"}, "lrl");
  for (const Estimate& one : all.summary.metrics)
    table.add({metric_title(one.name), number(one.value), interval(one.low, one.high)});
  return table;
}

std::vector<size_t> shown_classes(const Evaluation& all) {
  std::vector<size_t> shown;
  for (size_t k = 0; k < all.classes() && shown.size() < kMostRows; ++k)
    if (all.occurs(k) || all.classes() <= kMostRows) shown.push_back(k);
  return shown;
}

Table class_rows(const Evaluation& all, const std::vector<size_t>& shown) {
  Table table({"class", "pictures", "precision", "recall", "F1", "ROC-AUC", "avg. precision"}, "lrrrrrr");
  for (const size_t k : shown) {
    const ClassSummary& one = all.summary.classes[k];
    std::vector<std::string> row = {visible(all.label(k)), std::to_string(one.support)};
    for (const Estimate& metric : one.metrics)
      row.push_back(std::isnan(metric.value) ? "-" : number(metric.value));
    table.add(std::move(row));
  }
  return table;
}

Table confusion_rows(const Evaluation& all, const std::vector<size_t>& shown) {
  std::vector<std::string> titles = {"is \\ said"};
  for (const size_t k : shown) titles.push_back(visible(all.label(k)));
  Table table(titles, "l" + std::string(shown.size(), 'r'));
  for (const size_t i : shown) {
    std::vector<std::string> row = {visible(all.label(i))};
    for (const size_t j : shown) row.push_back(std::to_string(all.confusion[i * all.classes() + j]));
    table.add(std::move(row));
  }
  return table;
}

std::string group_rows(const std::string& title, const std::vector<Group>& groups, size_t columns) {
  Table table({title, "pictures", "accuracy", kWilson}, "lrrl");
  for (size_t i = 0; i < std::min(groups.size(), kMostRows); ++i) {
    const Group& group = groups[i];
    table.add({visible(group.name), std::to_string(group.count), number(group.accuracy()),
               interval(group.interval().low, group.interval().high)});
  }
  std::string text = table.text(columns);
  if (groups.size() > kMostRows)
    text += "(" + std::to_string(groups.size() - kMostRows) + " more are in --json and --report)\n";
  return text;
}

Table coverage_rows(const Evaluation& all) {
  Table table({"of the pictures", "accuracy", "confidence at least"}, "lrr");
  for (const CoveragePoint& point : all.coverage)
    table.add(
        {"surest " + fixed(100 * point.share, 0) + " %", number(point.accuracy), number(point.confidence)});
  return table;
}

Table robust_rows(const std::vector<Robustness>& robust) {
  Table table({"after", "verdicts flipped", "of all", "accuracy", kWilson}, "lrrrl");
  for (const Robustness& one : robust)
    table.add({one.change, std::to_string(one.kept.count - one.kept.right),
               fixed(100 * (1 - one.kept.accuracy()), 1) + " %", number(one.after.accuracy()),
               interval(one.after.interval().low, one.after.interval().high)});
  return table;
}

Table probe_rows(const std::vector<ProbedLayer>& layers) {
  Table table({"linear probe", "features", "learned from", "asked", "accuracy", kWilson}, "lrrrrl");
  for (const ProbedLayer& one : layers) {
    const Group group = {one.layer, one.held_out, one.right};
    table.add({one.layer, std::to_string(one.width), std::to_string(one.trained),
               std::to_string(one.held_out), number(group.accuracy()),
               interval(group.interval().low, group.interval().high)});
  }
  return table;
}

std::string doubt_rows(const Doubt& doubt, size_t columns) {
  Table table({"detectors of mistakes", "AUROC", "95 % interval", "surest 80 % right", "95 % interval", ""},
              "lrlrll");
  for (const Detector& one : doubt.detectors)
    table.add({one.name, number(one.auc.value), interval(one.auc.low, one.auc.high),
               number(one.accuracy.value), interval(one.accuracy.low, one.accuracy.high),
               one.beats_probability() ? "beats the probability" : ""});
  return table.text(columns) + wrapped("accuracy of the views' mean: " + number(doubt.mean_accuracy.value) +
                                           "  " + interval(doubt.mean_accuracy.low, doubt.mean_accuracy.high),
                                       columns);
}

Json defined(double value) {
  return std::isnan(value) ? Json() : Json(value);
}

Json estimate_json(double value, double low, double high) {
  return {{"value", defined(value)}, {"low", defined(low)}, {"high", defined(high)}};
}

Json groups_json(const char* key, const std::vector<Group>& groups) {
  Json list = Json::array();
  for (const Group& group : groups) {
    const Range range = group.interval();
    list.push_back({{key, group.name},
                    {"n", group.count},
                    {"accuracy", estimate_json(group.accuracy(), range.low, range.high)}});
  }
  return list;
}

Json classes_json(const Evaluation& all) {
  Json classes = Json::object();
  for (size_t k = 0; k < all.classes(); ++k) {
    Json one = {{"n", all.summary.classes[k].support}};
    for (const Estimate& metric : all.summary.classes[k].metrics)
      one[metric.name] = estimate_json(metric.value, metric.low, metric.high);
    classes[all.label(k)] = one;
  }
  return classes;
}

Json confusion_json(const Evaluation& all) {
  Json rows = Json::array();
  for (size_t i = 0; i < all.classes(); ++i) {
    const auto begin = all.confusion.begin() + static_cast<long>(i * all.classes());
    rows.push_back(std::vector<uint64_t>(begin, begin + static_cast<long>(all.classes())));
  }
  return rows;
}

Json give_away_json(const GiveAway& found) {
  if (!found.checked) return Json();
  Json json = {{"n", found.pictures},
               {"chance", found.chance},
               {"balanced_accuracy", found.balanced_accuracy},
               {"level", found.level()},
               {"solved", found.solved()}};
  for (const GiveAwayClue& clue : found.clues) json["clues"][clue.name] = clue.balanced_accuracy;
  return json;
}

Json robust_json(const std::vector<Robustness>& robust) {
  Json list = Json::array();
  for (const Robustness& one : robust) {
    const Range kept = one.kept.interval(), after = one.after.interval();
    list.push_back({{"change", one.change},
                    {"flips", one.kept.count - one.kept.right},
                    {"flipped", estimate_json(1 - one.kept.accuracy(), 1 - kept.high, 1 - kept.low)},
                    {"accuracy", estimate_json(one.after.accuracy(), after.low, after.high)}});
  }
  return list;
}

Json probe_json(const std::vector<ProbedLayer>& layers) {
  Json list = Json::array();
  for (const ProbedLayer& one : layers) {
    const Group group = {one.layer, one.held_out, one.right};
    list.push_back(
        {{"layer", one.layer},
         {"features", one.width},
         {"trained", one.trained},
         {"n", one.held_out},
         {"accuracy", estimate_json(group.accuracy(), group.interval().low, group.interval().high)}});
  }
  return list;
}

Json doubt_json(const Doubt& doubt) {
  const auto json = [](const Estimate& one) { return estimate_json(one.value, one.low, one.high); };
  Json list = Json::array();
  for (const Detector& one : doubt.detectors)
    list.push_back({{"detector", one.name},
                    {"auroc", json(one.auc)},
                    {"accuracy_at_80", json(one.accuracy)},
                    {"gain", json(one.gain)},
                    {"beats_probability", one.beats_probability()}});
  return {{"detectors", list}, {"mean_accuracy", json(doubt.mean_accuracy)}};
}

Json bins_json(const std::vector<CalibrationBin>& bins) {
  Json list = Json::array();
  for (const CalibrationBin& bin : bins)
    list.push_back({{"n", bin.count}, {"accuracy", bin.accuracy}, {"confidence", bin.confidence}});
  return list;
}

}  // namespace

std::string metric_title(std::string name) {
  if (name == "roc_auc") return "ROC-AUC";
  if (name == "ece") return "calibration error (ECE)";
  if (name == "brier") return "Brier score";
  if (name.compare(0, 2, "f1") == 0) name[0] = 'F';
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string temperature_line(const Evaluation& all) {
  std::string text = "temperature " + number(all.header.temperature);
  if (!all.temperature) return text + "; none fits these pictures better than all others";
  return text + "; " + number(*all.temperature) + " fits these pictures best (log loss " +
         number(all.summary.metric("log_loss").value) + " to " + number(all.fitted_log_loss) + ", ECE " +
         number(all.summary.metric("ece").value) + " to " + number(all.fitted_ece) + ")";
}

std::string evaluation_table(const Evaluation& all, size_t columns) {
  const std::vector<size_t> shown = shown_classes(all);
  std::string title = counted(all.summary.count, "picture");
  if (all.failed > 0) title += ", " + std::to_string(all.failed) + " more could not be read";
  std::string text = wrapped(title + "; model " + visible(all.header.model), columns) + "\n" +
                     metrics_rows(all).text(columns) + "\n" + class_rows(all, shown).text(columns) + "\n";
  if (shown.size() <= 12) text += confusion_rows(all, shown).text(columns) + "\n";
  text += coverage_rows(all).text(columns) + "\n" + group_rows("folder", all.sources, columns) + "\n" +
          group_rows("shorter side", all.sizes, columns) + "\n";
  if (!all.robust.empty()) text += robust_rows(all.robust).text(columns) + "\n";
  if (!all.doubt.detectors.empty()) text += doubt_rows(all.doubt, columns) + "\n";
  if (!all.probed.empty()) text += probe_rows(all.probed).text(columns) + "\n";
  return text + wrapped(temperature_line(all), columns) +
         (all.give_away.checked ? wrapped("give-away check: " + all.give_away.sentence(), columns) : "");
}

std::string evaluation_json(const Evaluation& all) {
  Json json;
  json["n"] = all.summary.count;
  json["failed"] = all.failed;
  json["model"] = all.header.model;
  json["model_checksum"] = all.header.checksum;
  json["labels"] = all.header.labels;
  for (const Estimate& one : all.summary.metrics)
    json[one.name] = estimate_json(one.value, one.low, one.high);
  json["classes"] = classes_json(all);
  if (all.classes() <= 100) json["confusion"] = confusion_json(all);
  json["calibration"] = bins_json(top_bins(all.scores));
  for (const CoveragePoint& point : all.coverage) {
    json["coverage"].push_back(
        {{"share", point.share}, {"accuracy", point.accuracy}, {"confidence", point.confidence}});
  }
  json["sources"] = groups_json("source", all.sources);
  json["sizes"] = groups_json("shorter_side", all.sizes);
  json["give_away"] = give_away_json(all.give_away);
  if (!all.robust.empty()) json["robust"] = robust_json(all.robust);
  if (!all.doubt.detectors.empty()) json["doubt"] = doubt_json(all.doubt);
  if (!all.probed.empty()) json["probe"] = probe_json(all.probed);
  json["temperature"] = {{"used", all.header.temperature},
                         {"best", all.temperature ? Json(*all.temperature) : Json()}};
  if (all.temperature) {
    json["temperature"]["log_loss"] = all.fitted_log_loss;
    json["temperature"]["ece"] = all.fitted_ece;
  }
  json["bootstrap"] = {{"resamples", all.summary.resamples}, {"method", "percentile"}};
  json["warnings"] = all.warnings;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string predictions_csv(const Evaluation& all) {
  std::string text = "path,source,label,predicted,correct,width,height";
  for (const std::string& label : all.header.labels) text += "," + csv_field("probability " + label);
  text += "\r\n";
  for (size_t i = 0; i < all.predictions.size(); ++i) {
    const Prediction& one = all.predictions[i];
    text += csv_field(one.path) + "," + csv_field(one.source) + "," + csv_field(all.label(one.truth)) + "," +
            csv_field(all.label(all.scores.predicted[i])) + "," + (all.scores.correct(i) ? "true" : "false") +
            "," + std::to_string(one.width) + "," + std::to_string(one.height);
    for (size_t k = 0; k < all.classes(); ++k) text += "," + Json(all.scores.probability(i, k)).dump();
    text += "\r\n";
  }
  return text;
}

}  // namespace levit::tools
