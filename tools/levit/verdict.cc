// Verdicts from logits, and the table, CSV and JSON that show them.
#include "tools/levit/verdict.h"

#include <algorithm>
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

constexpr size_t kSizeColumn = 11;  // "10000x10000"

size_t label_column(const std::vector<std::string>& labels) {
  size_t width = 6;  // "unsure"
  for (const std::string& label : labels) width = std::max(width, characters(label));
  return width;
}

std::string table_lines(const std::vector<std::string>& labels, const Verdict& verdict, size_t top) {
  if (!verdict.error.empty()) return "";
  const std::string& label = labels[verdict.label];
  const auto percent = [&verdict](size_t class_index) {
    const std::string text = fixed(100 * static_cast<double>(verdict.probabilities[class_index]), 1) + " %";
    return std::string(8 - std::min<size_t>(8, text.size()), ' ') + text;
  };
  const std::string size = std::to_string(verdict.width) + "x" + std::to_string(verdict.height);
  const size_t column = label_column(labels);
  std::string lines = padded(verdict.unsure ? "unsure" : label, column) + "  " + padded(label, column) +
                      percent(verdict.label) + "  " + padded(size, kSizeColumn) + "  " +
                      visible(sample_name(verdict.path, verdict.index)) +
                      (verdict.incomplete ? "  (incomplete: pixels are missing)" : "") + "\n";
  const std::vector<size_t> classes = most_likely(verdict, top);
  for (size_t i = 1; i < classes.size(); ++i)
    lines += std::string(column + 2, ' ') + padded(labels[classes[i]], column) + percent(classes[i]) + "\n";
  return lines + (verdict.says.empty() ? "" : "  file says: " + visible(file_says(verdict)) + "\n");
}

std::string number(float value) {
  return Json(value).dump();
}

std::string csv_line(const std::vector<std::string>& labels, const Verdict& verdict, size_t top) {
  std::string line =
      csv_field(verdict.path) + "," + (verdict.index < 0 ? "" : std::to_string(verdict.index)) + ",";
  if (!verdict.error.empty())
    return line + ",,,,," + csv_field(verdict.error) + ",," +
           std::string(2 * (top > 0 ? top : labels.size()), ',') + "\r\n";
  line += csv_field(labels[verdict.label]) + "," + number(verdict.probabilities[verdict.label]) + "," +
          (verdict.unsure ? "true" : "false") + "," + std::to_string(verdict.width) + "," +
          std::to_string(verdict.height) + ",," + (verdict.incomplete ? "true" : "false") + "," +
          csv_field(file_says(verdict));
  if (top > 0) {
    for (const size_t i : most_likely(verdict, top))
      line += "," + csv_field(labels[i]) + "," + number(verdict.probabilities[i]);
    return line + "\r\n";
  }
  for (const float probability : verdict.probabilities) line += "," + number(probability);
  // One logit is for the second label and against the first.
  if (verdict.logits.size() < labels.size()) line += "," + number(-verdict.logits[0]);
  for (const float logit : verdict.logits) line += "," + number(logit);
  return line + "\r\n";
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
    labels.push_back(seen.insert(label).second ? label : label + " (class " + std::to_string(i) + ")");
  }
  return labels;
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

std::string header_line(Form form, const std::vector<std::string>& labels, size_t top) {
  if (form == Form::kJson) return "";
  if (form == Form::kTable) {
    const size_t column = label_column(labels);
    return padded("verdict", column) + "  " + padded("most likely", column + 8) + "  " +
           padded("size", kSizeColumn) + "  file\n";
  }
  std::string line = "path,index,label,probability,unsure,width,height,error,incomplete,says";
  for (size_t i = 1; i <= top; ++i)
    line += ",label " + std::to_string(i) + ",probability " + std::to_string(i);
  if (top > 0) return line + "\r\n";
  for (const std::string& label : labels) line += "," + csv_field("probability " + label);
  for (const std::string& label : labels) line += "," + csv_field("logit " + label);
  return line + "\r\n";
}

std::string verdict_line(Form form, const std::vector<std::string>& labels, const Verdict& verdict,
                         size_t top) {
  switch (form) {
    case Form::kJson:
      return verdict_json(labels, verdict, "{}", top);
    case Form::kCsv:
      return csv_line(labels, verdict, top);
    case Form::kTable:
      break;
  }
  return table_lines(labels, verdict, top);
}

std::string verdict_json(const std::vector<std::string>& labels, const Verdict& verdict,
                         const std::string& more, size_t top) {
  Json line;
  line["path"] = verdict.path;
  if (!valid_utf8(verdict.path)) line["path_bytes"] = percent_encoded(verdict.path);
  if (verdict.index >= 0) line["index"] = verdict.index;
  if (!verdict.error.empty()) {
    line["error"] = verdict.error;
  } else {
    line["label"] = labels[verdict.label];
    line["probability"] = verdict.probabilities[verdict.label];
    if (top > 0) {
      Json& list = line["top"] = Json::array();
      for (const size_t i : most_likely(verdict, top))
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
  }
  std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (more != "{}") text.replace(text.size() - 1, 1, "," + more.substr(1));
  return text + "\n";
}

}  // namespace levit::tools
