#include "tools/levit/evaluate/pictures.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <utility>

#include "tools/levit/commands.h"
#include "tools/levit/dataset/dataset.h"
#include "tools/levit/verdict.h"

namespace levit::tools {
namespace {

std::map<std::string, std::string> parse_map(const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> map;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
      throw UsageError("--map " + pair + ": not FOLDER=LABEL");
    map[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return map;
}

[[noreturn]] void refuse_twins(const std::string& data, const std::string& label, const std::string& name,
                               const std::vector<size_t>& called) {
  throw std::runtime_error(data + ": several classes are called \"" + name + "\"; --map \"" + label + "\"=" +
                           std::to_string(called[0]) + " or " + std::to_string(called[1]) + " says which");
}

// The classes of the data's labels among those that the model knows.
std::vector<size_t> classes_of(const std::vector<std::string>& known,
                               const std::map<std::string, std::string>& map, const std::string& data,
                               const std::vector<std::string>& labels) {
  constexpr size_t kMost = 12;
  const auto list = [&](const std::vector<std::string>& names) {
    std::string text;
    for (size_t k = 0; k < std::min(kMost, names.size()); ++k)
      text += (k == 0 ? "\"" : ", \"") + names[k] + "\"";
    return text + (names.size() > kMost ? ", ..." : "");
  };
  std::vector<size_t> classes;
  std::vector<std::string> unknown;
  for (const std::string& label : labels) {
    const auto renamed = map.find(label);
    const std::string& name = renamed == map.end() ? label : renamed->second;
    const std::vector<size_t> called = classes_called(known, name);
    if (called.size() > 1) refuse_twins(data, label, name, called);
    size_t number = known.size();
    if (renamed != map.end() && name.size() < 9 && name.find_first_not_of("0123456789") == std::string::npos)
      number = std::stoul(name);
    classes.push_back(called.empty() ? number : called[0]);
    if (called.empty() && number >= known.size()) unknown.push_back(name);
  }
  if (unknown.empty()) return classes;
  throw std::runtime_error(data + ": the model knows no label " + list(unknown) + ", only " + list(known) +
                           " (--map FROM=TO renames a label of the data)");
}

}  // namespace

void add_labelled_data(CLI::App& command, std::string& data, std::string& labels_csv,
                       std::vector<std::string>& map) {
  command.add_option("data", data, "Folder with a folder of pictures for each label")->type_name("DATA");
  command
      .add_option(
          "--labels-csv", labels_csv,
          "Labels from a CSV file instead: columns named path and label, or those two; paths are below "
          "DATA, or beside the file")
      ->type_name("FILE");
  command
      .add_option("--map", map, "Label or number of the model's class for a label of the data, as fake=ai")
      ->type_name("FROM=TO")
      ->delimiter(',')
      ->allow_extra_args(false);  // what follows is DATA
}

std::vector<Prediction> labelled_pictures(const std::string& data, const std::string& labels_csv,
                                          const std::vector<std::string>& map, const ModelFile& model) {
  namespace fs = std::filesystem;
  if (data.empty() && labels_csv.empty()) throw UsageError("name the data set, or a file of labels");
  const std::vector<std::string> known = class_labels(model);
  const Dataset set =
      read_dataset(data.empty() ? std::vector<std::string>() : std::vector<std::string>{data}, labels_csv);
  const fs::path base = data.empty() ? fs::path(labels_csv).parent_path() : fs::path(data);
  const auto renamed = parse_map(map);
  const std::vector<size_t> classes =
      classes_of(known, renamed, labels_csv.empty() ? data : labels_csv, set.labels);
  std::vector<Prediction> pictures;
  for (const LabelledPicture& picture : set.pictures) {
    Prediction one;
    one.path = picture.path;
    one.source = fs::path(picture.path).parent_path().lexically_relative(base).generic_string();
    one.truth = classes[picture.label];
    one.error = picture.error;
    pictures.push_back(std::move(one));
  }
  std::sort(pictures.begin(), pictures.end(),
            [](const Prediction& a, const Prediction& b) { return a.path < b.path; });
  return pictures;
}

}  // namespace levit::tools
