// File names, .npy maps and the JSON line of an explanation.
#include "tools/levit/explain/report.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "tools/common/npy.h"

namespace levit::tools {
namespace {

using Json = nlohmann::ordered_json;

// Bytes: file systems take 255, and up to 80 of method, layers, numbers and extension come behind it.
constexpr size_t kLongestName = 160;

// The double with the fewest digits that gives back the float.
double shortest(float value) {
  char text[32];
  int digits = 6;
  do {
    std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
  } while (std::strtof(text, nullptr) != value && ++digits <= 9);
  return std::strtod(text, nullptr);
}

Json numbers(const SheetContext& context, const Explanation& explanation) {
  Json result;
  result["method"] = method_flag(explanation.method);
  if (is_cam(explanation.method)) result["layer"] = layer_flags(explanation.layers);
  if (is_cam(explanation.method) && context.aug_smooth) result["aug_smooth"] = true;
  if (is_cam(explanation.method) && context.eigen_smooth) result["eigen_smooth"] = true;
  result["low"] = shortest(explanation.low);
  result["high"] = shortest(explanation.high);
  result["flat"] = explanation.flat;
  if (explanation.method == Method::kShap) {
    result["samples"] = context.samples;
    result["seed"] = context.seed;
    result["background"] = context.background;
    if (context.local_smoothing > 0) result["local_smoothing"] = context.local_smoothing;
  }
  if (explanation.method == Method::kIntegratedGradients) result["steps"] = context.steps;
  if (explanation.complete()) {
    result["score"] = explanation.attribution.score;
    result["base_value"] = explanation.attribution.base_value;
    result["sum"] = explanation.attribution.sum;
    result["gap"] = explanation.attribution.gap;
    result["standard_error"] = explanation.attribution.standard_error;
  }
  return result;
}

}  // namespace

std::string OutputNames::name_for(const std::string& path) {
  std::string stem = std::filesystem::path(path).stem().string();
  for (char& c : stem) {
    const bool harmless = static_cast<unsigned char>(c) >= 0x80 ||
                          std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                          std::strchr("-._()", c) != nullptr;
    if (!harmless || c == '\0') c = '_';
  }
  if (stem.empty() || stem[0] == '.') stem = "picture" + stem;
  if (path == "-") stem = "standard_input";
  // Without the first half of a character at the end.
  size_t length = std::min(stem.size(), kLongestName);
  while (length < stem.size() && (static_cast<unsigned char>(stem[length]) & 0xc0) == 0x80) --length;
  stem.resize(length);
  std::string name = stem;
  for (size_t number = 2;; ++number) {
    std::string key = name;
    std::transform(key.begin(), key.end(), key.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (taken_.insert(key).second) return name;
    name = stem + "-" + std::to_string(number);
  }
}

void make_output_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw std::runtime_error(directory.string() + ": cannot be made: " + error.message());
  if (!std::filesystem::is_directory(directory))
    throw std::runtime_error(directory.string() + ": is not a directory");
  if (access(directory.c_str(), W_OK | X_OK) != 0) {
    throw std::runtime_error(directory.string() + ": cannot be written: " + std::strerror(errno));
  }
}

std::string map_name(const std::string& name, const Explanation& explanation) {
  std::string result = name + "_" + method_flag(explanation.method);
  for (size_t i = 0; i < explanation.layers.size(); ++i) {
    result += (i == 0 ? "_" : "+") + std::string(layer_flag(explanation.layers[i]));
  }
  return result;
}

void write_raw(const std::filesystem::path& directory, const std::string& name,
               const std::vector<Explanation>& explanations) {
  for (const Explanation& explanation : explanations) {
    const std::string base = name + "_" + method_flag(explanation.method);
    for (size_t i = 0; i < explanation.raw.size(); ++i) {
      const Grid& map = explanation.raw[i];
      const std::string file = base + "_" + layer_flag(explanation.layers[i]) + ".npy";
      write_npy(directory / file, {map.side, map.side}, map.values.data());
    }
    if (!explanation.values.empty()) {
      write_npy(directory / (base + ".npy"), {3, LEVIT_SIDE, LEVIT_SIDE}, explanation.values.data());
    }
  }
}

std::string explanation_json(const SheetContext& context, const Verdict& verdict, size_t class_index,
                             const std::vector<Explanation>& explanations, const std::string& sheet) {
  Json more;
  more["class"] = context.labels[class_index];
  more["sheet"] = sheet;
  Json& list = more["explanations"] = Json::array();
  for (const Explanation& explanation : explanations) list.push_back(numbers(context, explanation));
  Columns columns;
  columns.familiarity = verdict.measured;
  return verdict_json(context.labels, verdict, more.dump(-1, ' ', false, Json::error_handler_t::replace),
                      columns);
}

}  // namespace levit::tools
