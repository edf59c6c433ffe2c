// The forms in which people keep the names of classes, told apart by what they look like.
#include "tools/checkpoint/labels.h"

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kBlanks = " \t\r\n";
constexpr size_t kMostLabels = 65536;

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

std::string label_of(const Json& value) {
  if (value.is_string()) return trimmed(value.get<std::string>());
  if (value.is_array() && !value.empty() && value.back().is_string())
    return trimmed(value.back().get<std::string>());
  throw std::runtime_error("a label is " + std::string(value.type_name()) + ", not text");
}

size_t number_of(const std::string& text) {
  if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != std::string::npos)
    throw std::runtime_error(in_quotes(text) + " is not the number of a class");
  return std::stoul(text);
}

// Labels by the number of their class, which must leave no gap.
std::vector<std::string> in_order(const std::map<size_t, std::string>& numbered, size_t count) {
  std::vector<std::string> labels;
  for (const auto& [number, label] : numbered) {
    if (number != labels.size())
      throw std::runtime_error("no label for class " + std::to_string(labels.size()));
    labels.push_back(label);
  }
  if (labels.size() != count) throw std::runtime_error("two labels for one class");
  return labels;
}

std::vector<std::string> from_list(const Json& list) {
  std::vector<std::string> labels;
  for (const Json& value : list) labels.push_back(label_of(value));
  return labels;
}

std::vector<std::string> from_object(const Json& object) {
  for (const char* key : {"id2label", "label2id", "label_names", "class_names", "classes", "labels"}) {
    const auto found = object.find(key);
    if (found != object.end() && found->is_object()) return from_object(*found);
    if (found != object.end() && found->is_array()) return from_list(*found);
  }
  std::map<size_t, std::string> numbered;
  for (const auto& [key, value] : object.items()) {
    if (value.is_number_unsigned()) {
      numbered[value.get<size_t>()] = trimmed(key);
    } else {
      numbered[number_of(key)] = label_of(value);
    }
  }
  return in_order(numbered, object.size());
}

std::vector<std::string> from_json(std::string_view text) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, false);
  if (json.is_discarded()) throw std::runtime_error("begins like JSON, but is not complete JSON");
  return json.is_object() ? from_object(json) : from_list(json);
}

std::vector<std::string> from_lines(std::string_view text) {
  std::vector<std::string> labels;
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    labels.push_back(trimmed(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return labels;
}

}  // namespace

std::vector<std::string> split_labels(std::string_view list) {
  std::vector<std::string> labels;
  std::string label;
  bool quoted = false, was_quoted = false;
  const auto end_label = [&] {
    labels.push_back(trimmed(label));
    label.clear();
    was_quoted = false;
  };
  for (size_t i = 0; i < list.size(); ++i) {
    if (quoted && list.substr(i, 2) == "\"\"") {
      label += list[i++];
    } else if (list[i] == '"' && (quoted || trimmed(label).empty())) {
      if (!quoted) label.clear();
      quoted = !quoted;
      was_quoted = true;
    } else if (list[i] == ',' && !quoted) {
      end_label();
    } else if (!was_quoted || quoted) {
      label += list[i];
    }
  }
  end_label();
  return labels;
}

std::vector<std::string> parse_labels(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (starts_with(text, "\xff\xfe") || starts_with(text, "\xfe\xff"))
    throw std::runtime_error("UTF-16 text; save it as UTF-8");
  if (starts_with(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) throw std::runtime_error("it holds no labels");
  const bool json = text[first] == '{' || text[first] == '[';
  std::vector<std::string> labels = json ? from_json(text.substr(first)) : from_lines(text);
  if (labels.empty() || labels.size() > kMostLabels)
    throw std::runtime_error(std::to_string(labels.size()) + " labels, not 1 to " +
                             std::to_string(kMostLabels));
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].empty()) {
      throw std::runtime_error(json ? "the label of class " + std::to_string(i) + " is empty"
                                    : "line " + std::to_string(i + 1) + " is empty");
    }
  }
  return labels;
}

}  // namespace levit::tools
