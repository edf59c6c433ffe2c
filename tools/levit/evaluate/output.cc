// The table, the JSON object and the CSV rows of an evaluation.
#include "tools/levit/evaluate/output.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/common/text.h"
#include "tools/levit/evaluate/calibration.h"

namespace levit::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostRows = 40;  // of a table of groups or classes

std::string number(double value) {
  return std::isnan(value) ? "not defined" : fixed(value, 4);
}

std::string right_aligned(const std::string& text, size_t width) {
  return std::string(width - std::min(width, characters(text)), ' ') + text;
}

std::string interval(double low, double high) {
  return std::isnan(low) ? "" : number(low) + " .. " + number(high);
}

std::string metrics_rows(const Evaluation& all) {
  std::string text = padded("", 26) + padded("value", 13) + "95 % interval\n";
  for (const Estimate& one : all.summary.metrics)
    text += padded(metric_title(one.name), 26) + padded(number(one.value), 13) + interval(one.low, one.high) +
            "\n";
  return text;
}

std::vector<size_t> shown_classes(const Evaluation& all) {
  std::vector<size_t> shown;
  for (size_t k = 0; k < all.classes() && shown.size() < kMostRows; ++k)
    if (all.occurs(k) || all.classes() <= kMostRows) shown.push_back(k);
  return shown;
}

std::string class_rows(const Evaluation& all, const std::vector<size_t>& shown) {
  size_t width = 8;
  for (const size_t k : shown) width = std::max(width, characters(all.label(k)));
  std::string text =
      padded("class", width) + "  pictures  precision     recall         F1    ROC-AUC  avg. precision\n";
  for (const size_t k : shown) {
    const ClassSummary& one = all.summary.classes[k];
    text += padded(visible(all.label(k)), width) + right_aligned(std::to_string(one.support), 10);
    for (const Estimate& metric : one.metrics)
      text += right_aligned(std::isnan(metric.value) ? "-" : number(metric.value),
                            metric.name == "average_precision" ? 16 : 11);
    text += "\n";
  }
  return text;
}

std::string confusion_rows(const Evaluation& all, const std::vector<size_t>& shown) {
  size_t width = 9;
  for (const size_t k : shown) width = std::max(width, characters(all.label(k)));
  std::string text = padded("is \\ said", width);
  for (const size_t k : shown)
    text += "  " + right_aligned(visible(all.label(k)), std::max<size_t>(7, characters(all.label(k))));
  text += "\n";
  for (const size_t i : shown) {
    text += padded(visible(all.label(i)), width);
    for (const size_t j : shown)
      text += "  " + right_aligned(std::to_string(all.confusion[i * all.classes() + j]),
                                   std::max<size_t>(7, characters(all.label(j))));
    text += "\n";
  }
  return text;
}

std::string group_rows(const std::string& title, const std::vector<Group>& groups) {
  size_t width = characters(title);
  for (const Group& group : groups) width = std::max(width, characters(visible(group.name)));
  std::string text = padded(title, width) + "  pictures   accuracy  95 % interval (Wilson)\n";
  for (size_t i = 0; i < std::min(groups.size(), kMostRows); ++i) {
    const Group& group = groups[i];
    text += padded(visible(group.name), width) + right_aligned(std::to_string(group.count), 10) +
            right_aligned(number(group.accuracy()), 11) + "  " +
            interval(group.interval().low, group.interval().high) + "\n";
  }
  if (groups.size() > kMostRows)
    text += "(" + std::to_string(groups.size() - kMostRows) + " more are in --json and --report)\n";
  return text;
}

std::string coverage_rows(const Evaluation& all) {
  std::string text = "of the pictures  accuracy  confidence at least\n";
  for (const CoveragePoint& point : all.coverage) {
    text += padded("surest " + fixed(100 * point.share, 0) + " %", 17) +
            right_aligned(number(point.accuracy), 8) + right_aligned(number(point.confidence), 21) + "\n";
  }
  return text;
}

std::string robust_rows(const std::vector<Robustness>& robust) {
  if (robust.empty()) return "";
  std::string text = "after    verdicts flipped            accuracy  95 % interval (Wilson)\n";
  for (const Robustness& one : robust) {
    const size_t flips = one.kept.count - one.kept.right;
    const std::string share = fixed(100 * (1 - one.kept.accuracy()), 1) + " %";
    text += padded(one.change, 9) + right_aligned(std::to_string(flips), 9) + right_aligned(share, 10) +
            right_aligned(number(one.after.accuracy()), 17) + "  " +
            interval(one.after.interval().low, one.after.interval().high) + "\n";
  }
  return text + "\n";
}

std::string probe_rows(const std::vector<ProbedLayer>& layers) {
  if (layers.empty()) return "";
  std::string text = "linear probe  features  learned from  asked   accuracy  95 % interval (Wilson)\n";
  for (const ProbedLayer& one : layers) {
    const Group group = {one.layer, one.held_out, one.right};
    text += padded(one.layer, 14) + right_aligned(std::to_string(one.width), 8) +
            right_aligned(std::to_string(one.trained), 14) + right_aligned(std::to_string(one.held_out), 7) +
            right_aligned(number(group.accuracy()), 11) + "  " +
            interval(group.interval().low, group.interval().high) + "\n";
  }
  return text + "\n";
}

std::string doubt_rows(const Doubt& doubt) {
  if (doubt.detectors.empty()) return "";
  std::string text =
      "detectors of mistakes             AUROC  95 % interval     surest 80 % right  95 % interval\n";
  for (const Detector& one : doubt.detectors)
    text += padded(one.name, 30) + right_aligned(number(one.auc.value), 9) + "  " +
            padded(interval(one.auc.low, one.auc.high), 16) + right_aligned(number(one.accuracy.value), 19) +
            "  " + interval(one.accuracy.low, one.accuracy.high) +
            (one.beats_probability() ? "  (beats the probability)" : "") + "\n";
  return text + "accuracy of the views' mean: " + number(doubt.mean_accuracy.value) + "  " +
         interval(doubt.mean_accuracy.low, doubt.mean_accuracy.high) + "\n\n";
}

std::string give_away_line(const GiveAway& found) {
  return found.checked ? "give-away check: " + found.sentence() + "\n" : "";
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

std::string evaluation_table(const Evaluation& all) {
  const std::vector<size_t> shown = shown_classes(all);
  std::string text = counted(all.summary.count, "picture");
  if (all.failed > 0) text += ", " + std::to_string(all.failed) + " more could not be read";
  text += "; model " + visible(all.header.model) + "\n\n" + metrics_rows(all) + "\n" +
          class_rows(all, shown) + "\n";
  if (shown.size() <= 12) text += confusion_rows(all, shown) + "\n";
  text += coverage_rows(all) + "\n" + group_rows("folder", all.sources) + "\n" +
          group_rows("shorter side", all.sizes) + "\n" + robust_rows(all.robust) + doubt_rows(all.doubt) +
          probe_rows(all.probed) + temperature_line(all) + "\n" + give_away_line(all.give_away);
  return text;
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
