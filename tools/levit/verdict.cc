// Verdicts from logits, and the table, CSV and JSON that show them.
#include "tools/levit/verdict.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <stdexcept>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

// JSON in the order written, with the shortest digits that give back a float.
using Json =
    nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, int64_t, uint64_t, float>;

constexpr size_t kSizeColumn = 11;     // "10000x10000"
constexpr size_t kFartherColumn = 12;  // "farther than"
constexpr size_t kViewsColumn = 13;    // "0.123, 8 of 8"

size_t label_column(const std::vector<std::string>& labels) {
  size_t width = 6;  // "unsure"
  for (const std::string& label : labels) width = std::max(width, characters(label));
  return width;
}

// Right-aligned, with the blank in front of it.
std::string percent(double value) {
  const std::string text = fixed(value, 1) + " %";
  return std::string(8 - std::min<size_t>(8, text.size()), ' ') + text;
}

std::string doubt_cells(const Verdict& verdict, const Columns& columns) {
  return (columns.views
              ? padded(fixed(static_cast<double>(verdict.spread), 3) + ", " +
                           std::to_string(verdict.agreeing) + " of " + std::to_string(verdict.views),
                       kViewsColumn) +
                    "  "
              : "") +
         (columns.familiarity
              ? padded(percent(static_cast<double>(verdict.percentile)), kFartherColumn) + "  "
              : "");
}

std::string table_lines(const std::vector<std::string>& labels, const Verdict& verdict,
                        const Columns& columns) {
  if (!verdict.error.empty()) return "";
  const std::string& label = labels[verdict.label];
  const auto likely = [&verdict](size_t class_index) {
    return percent(100 * static_cast<double>(verdict.probabilities[class_index]));
  };
  const std::string size = std::to_string(verdict.width) + "x" + std::to_string(verdict.height);
  const size_t column = label_column(labels);
  std::string lines = padded(verdict.unsure ? "unsure" : label, column) + "  " + padded(label, column) +
                      likely(verdict.label) + "  " + padded(size, kSizeColumn) + "  " +
                      doubt_cells(verdict, columns) + visible(sample_name(verdict.path, verdict.index)) +
                      (verdict.incomplete ? "  (incomplete: pixels are missing)" : "") + "\n";
  const std::vector<size_t> classes = most_likely(verdict, columns.top);
  for (size_t i = 1; i < classes.size(); ++i)
    lines += std::string(column + 2, ' ') + padded(labels[classes[i]], column) + likely(classes[i]) + "\n";
  if (verdict.unlike())
    lines += "  unlike anything it was trained on: farther away than" +
             percent(static_cast<double>(verdict.percentile)) + " of its training pictures\n";
  return lines + (verdict.says.empty() ? "" : "  file says: " + visible(file_says(verdict)) + "\n");
}

std::string number(float value) {
  return Json(value).dump();
}

// The fields behind the logits, or as many empty ones.
std::string csv_doubt(const Verdict& verdict, const Columns& columns) {
  const bool there = verdict.error.empty();
  std::string line;
  if (columns.views)
    line += there ? "," + std::to_string(verdict.views) + "," + std::to_string(verdict.agreeing) + "," +
                        number(verdict.spread)
                  : ",,,";
  if (columns.familiarity)
    line += there ? "," + number(verdict.distance) + "," + number(verdict.percentile) + "," +
                        (verdict.unlike() ? "true" : "false")
                  : ",,,";
  return line + "\r\n";
}

std::string csv_line(const std::vector<std::string>& labels, const Verdict& verdict, const Columns& columns) {
  const size_t top = columns.top;
  std::string line =
      csv_field(verdict.path) + "," + (verdict.index < 0 ? "" : std::to_string(verdict.index)) + ",";
  if (!verdict.error.empty())
    return line + ",,,,," + csv_field(verdict.error) + ",," +
           std::string(top > 0 ? 2 * top : 2 * labels.size() - (columns.one_logit ? 1 : 0), ',') +
           csv_doubt(verdict, columns);
  line += csv_field(labels[verdict.label]) + "," + number(verdict.probabilities[verdict.label]) + "," +
          (verdict.unsure ? "true" : "false") + "," + std::to_string(verdict.width) + "," +
          std::to_string(verdict.height) + ",," + (verdict.incomplete ? "true" : "false") + "," +
          csv_field(file_says(verdict));
  if (top > 0) {
    for (const size_t i : most_likely(verdict, top))
      line += "," + csv_field(labels[i]) + "," + number(verdict.probabilities[i]);
    return line + csv_doubt(verdict, columns);
  }
  for (const float probability : verdict.probabilities) line += "," + number(probability);
  for (const float logit : verdict.logits) line += "," + number(logit);
  return line + csv_doubt(verdict, columns);
}

std::string numbered(const std::string& label, size_t number) {
  return label + " (class " + std::to_string(number) + ")";
}

}  // namespace

std::string file_says(const Verdict& verdict) {
  std::string text;
  for (const std::string& sentence : verdict.says) text += (text.empty() ? "" : "; ") + sentence;
  return text;
}

std::vector<std::string> class_labels(const ModelFile& model) {
  std::vector<std::string> labels;
  std::set<std::string> seen;
  if (model.info().labels == 0) {
    throw std::runtime_error(model.path() + ": it has no classifier; levit finetune DATA --model " +
                             model.path() + " -o FILE trains one");
  }
  if (model.info().labels == 1) {
    throw std::runtime_error(model.path() +
                             ": it has one class, whose probability is always 1; if that is the logit of a "
                             "sigmoid, pack the checkpoint again with this version");
  }
  for (size_t i = 0; i < model.info().labels; ++i) {
    const std::string label = model.label(i);
    labels.push_back(seen.insert(label).second ? label : numbered(label, i));
  }
  return labels;
}

std::vector<size_t> classes_called(const std::vector<std::string>& labels, const std::string& name) {
  std::vector<size_t> classes;
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] == name || labels[i] == numbered(name, i)) classes.push_back(i);
  return classes;
}

Verdict judged(const Sample& sample, const Context& context, const float* logits, const UnsureBand& band) {
  Verdict verdict;
  verdict.path = sample.path;
  verdict.index = sample.index;
  verdict.width = sample.width;
  verdict.height = sample.height;
  verdict.incomplete = sample.incomplete;
  verdict.says = sample.says;
  verdict.logits.assign(logits, logits + context.classes());
  verdict.probabilities = context.probabilities(verdict.logits);
  const std::vector<float>& values = verdict.probabilities;
  const auto largest = std::max_element(values.begin(), values.end());
  verdict.label = static_cast<size_t>(largest - values.begin());
  const auto first = static_cast<double>(values[0]);
  verdict.unsure = values.size() == 2 ? first >= band.low && first <= band.high
                                      : static_cast<double>(*largest) <= band.high;
  return verdict;
}

Verdict judged_by_views(const Sample& sample, const Context& context, const std::vector<float>& logits,
                        const UnsureBand& band) {
  const size_t classes = context.classes(), views = logits.size() / classes;
  std::vector<float> mean(classes);
  for (size_t i = 0; i < logits.size(); ++i) mean[i % classes] += logits[i] / static_cast<float>(views);
  Verdict verdict = judged(sample, context, mean.data(), band);
  verdict.views = views;
  verdict.agreeing = 0;
  const std::vector<float> probabilities = context.probabilities(logits);
  const size_t labels = probabilities.size() / views;
  double sum = 0, squares = 0;
  for (auto row = probabilities.begin(); row != probabilities.end(); row += static_cast<long>(labels)) {
    sum += static_cast<double>(*row);
    squares += static_cast<double>(*row) * static_cast<double>(*row);
    const auto likely = std::max_element(row, row + static_cast<long>(labels)) - row;
    verdict.agreeing += static_cast<size_t>(likely) == verdict.label ? 1 : 0;
  }
  const auto n = static_cast<double>(views);
  verdict.spread = static_cast<float>(std::sqrt(std::max(0.0, squares / n - sum / n * sum / n)));
  verdict.unsure = verdict.unsure || verdict.agreeing < views;
  return verdict;
}

Verdict failed(const std::string& path, const std::string& error) {
  Verdict verdict;
  verdict.path = path;
  verdict.error = error;
  return verdict;
}

Verdict failed(const Sample& sample, const std::string& error) {
  Verdict verdict = failed(sample.path, error);
  verdict.index = sample.index;
  return verdict;
}

std::vector<size_t> most_likely(const Verdict& verdict, size_t count) {
  std::vector<size_t> order(verdict.probabilities.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&verdict](size_t a, size_t b) {
    return verdict.probabilities[a] > verdict.probabilities[b];
  });
  order.resize(std::min(order.size(), count));
  return order;
}

std::string header_line(Form form, const std::vector<std::string>& labels, const Columns& columns) {
  if (form == Form::kJson) return "";
  if (form == Form::kTable) {
    const size_t column = label_column(labels);
    return padded("verdict", column) + "  " + padded("most likely", column + 8) + "  " +
           padded("size", kSizeColumn) + "  " +
           (columns.views ? padded("spread, agree", kViewsColumn) + "  " : "") +
           (columns.familiarity ? padded("farther than", kFartherColumn) + "  " : "") + "file\n";
  }
  std::string line = "path,index,label,probability,unsure,width,height,error,incomplete,says";
  for (size_t i = 1; i <= columns.top; ++i)
    line += ",label " + std::to_string(i) + ",probability " + std::to_string(i);
  for (size_t i = 0; columns.top == 0 && i < labels.size(); ++i)
    line += "," + csv_field("probability " + labels[i]);
  for (size_t i = columns.one_logit ? 1 : 0; columns.top == 0 && i < labels.size(); ++i)
    line += "," + csv_field("logit " + labels[i]);
  if (columns.views) line += ",views,agreeing,spread";
  if (columns.familiarity) line += ",distance,percentile,unlike";
  return line + "\r\n";
}

std::string verdict_line(Form form, const std::vector<std::string>& labels, const Verdict& verdict,
                         const Columns& columns) {
  switch (form) {
    case Form::kJson:
      return verdict_json(labels, verdict, "{}", columns);
    case Form::kCsv:
      return csv_line(labels, verdict, columns);
    case Form::kTable:
      break;
  }
  return table_lines(labels, verdict, columns);
}

std::string verdict_json(const std::vector<std::string>& labels, const Verdict& verdict,
                         const std::string& more, const Columns& columns) {
  Json line;
  line["path"] = verdict.path;
  if (!valid_utf8(verdict.path)) line["path_bytes"] = percent_encoded(verdict.path);
  if (verdict.index >= 0) line["index"] = verdict.index;
  if (!verdict.error.empty()) {
    line["error"] = verdict.error;
  } else {
    line["label"] = labels[verdict.label];
    line["probability"] = verdict.probabilities[verdict.label];
    if (columns.top > 0) {
      Json& list = line["top"] = Json::array();
      for (const size_t i : most_likely(verdict, columns.top))
        list.push_back({{"class", i}, {"label", labels[i]}, {"probability", verdict.probabilities[i]}});
    } else {
      Json& probabilities = line["probabilities"] = Json::object();
      for (size_t i = 0; i < labels.size(); ++i) probabilities[labels[i]] = verdict.probabilities[i];
      line["logits"] = verdict.logits;
    }
    line["width"] = verdict.width;
    line["height"] = verdict.height;
    line["unsure"] = verdict.unsure;
    line["incomplete"] = verdict.incomplete;
    line["says"] = verdict.says;
    if (columns.views) {
      line["views"] = verdict.views;
      line["agreeing"] = verdict.agreeing;
      line["spread"] = verdict.spread;
    }
    if (columns.familiarity)
      line["familiarity"] = {
          {"distance", verdict.distance}, {"percentile", verdict.percentile}, {"unlike", verdict.unlike()}};
  }
  std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (more != "{}") text.replace(text.size() - 1, 1, "," + more.substr(1));
  return text + "\n";
}

}  // namespace levit::tools
