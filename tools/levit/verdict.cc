#include "tools/levit/verdict.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

// JSON in the order written, with the shortest digits that give back a float.
using Json =
    nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, int64_t, uint64_t, float>;

constexpr size_t kSizeColumn = 11;  // "10000x10000"

size_t label_column(const std::vector<std::string>& labels) {
  size_t width = 6;  // "unsure"
  for (const std::string& label : labels) width = std::max(width, characters(label));
  return width;
}

std::string table_line(const std::vector<std::string>& labels, const Answer& answer) {
  if (!answer.error.empty()) return "";
  const std::string& label = labels[answer.label];
  const std::string percent = fixed(100 * static_cast<double>(answer.probabilities[answer.label]), 1) + " %";
  const std::string size = std::to_string(answer.width) + "x" + std::to_string(answer.height);
  const size_t column = label_column(labels);
  return padded(answer.unsure ? "unsure" : label, column) + "  " + padded(label, column) +
         std::string(8 - std::min<size_t>(8, percent.size()), ' ') + percent + "  " +
         padded(size, kSizeColumn) + "  " + visible(answer.path) +
         (answer.index < 0 ? "" : "[" + std::to_string(answer.index) + "]") + "\n";
}

std::string json_line(const std::vector<std::string>& labels, const Answer& answer) {
  Json line;
  line["path"] = answer.path;
  if (!valid_utf8(answer.path)) line["path_bytes"] = percent_encoded(answer.path);
  if (answer.index >= 0) line["index"] = answer.index;
  if (!answer.error.empty()) {
    line["error"] = answer.error;
  } else {
    line["label"] = labels[answer.label];
    line["probability"] = answer.probabilities[answer.label];
    Json& probabilities = line["probabilities"] = Json::object();
    for (size_t i = 0; i < labels.size(); ++i) probabilities[labels[i]] = answer.probabilities[i];
    line["logits"] = answer.logits;
    line["width"] = answer.width;
    line["height"] = answer.height;
    line["unsure"] = answer.unsure;
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string number(float value) {
  return Json(value).dump();
}

std::string csv_line(const std::vector<std::string>& labels, const Answer& answer) {
  std::string line =
      csv_field(answer.path) + "," + (answer.index < 0 ? "" : std::to_string(answer.index)) + ",";
  if (!answer.error.empty())
    return line + ",,,,," + csv_field(answer.error) + std::string(2 * labels.size(), ',') + "\r\n";
  line += csv_field(labels[answer.label]) + "," + number(answer.probabilities[answer.label]) + "," +
          (answer.unsure ? "true" : "false") + "," + std::to_string(answer.width) + "," +
          std::to_string(answer.height) + ",";
  for (const float probability : answer.probabilities) line += "," + number(probability);
  for (const float logit : answer.logits) line += "," + number(logit);
  return line + "\r\n";
}

}  // namespace

void judge(const UnsureBand& band, Answer& answer) {
  const auto& values = answer.probabilities;
  const auto largest = std::max_element(values.begin(), values.end());
  answer.label = static_cast<size_t>(largest - values.begin());
  const double first = static_cast<double>(values[0]);
  answer.unsure = values.size() == 2 ? first >= band.low && first <= band.high
                                     : static_cast<double>(*largest) <= band.high;
}

std::string header_line(Form form, const std::vector<std::string>& labels) {
  if (form == Form::kJson) return "";
  if (form == Form::kTable) {
    const size_t column = label_column(labels);
    return padded("verdict", column) + "  " + padded("most likely", column + 8) + "  " +
           padded("size", kSizeColumn) + "  file\n";
  }
  std::string line = "path,index,label,probability,unsure,width,height,error";
  for (const std::string& label : labels) line += "," + csv_field("probability " + label);
  for (const std::string& label : labels) line += "," + csv_field("logit " + label);
  return line + "\r\n";
}

std::string answer_line(Form form, const std::vector<std::string>& labels, const Answer& answer) {
  switch (form) {
    case Form::kJson:
      return json_line(labels, answer);
    case Form::kCsv:
      return csv_line(labels, answer);
    case Form::kTable:
      break;
  }
  return table_line(labels, answer);
}

}  // namespace levit::tools
