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

// The class of a label of the data among those that the model knows.
size_t class_of(const std::vector<std::string>& known, const std::map<std::string, std::string>& map,
                const std::string& data, const std::string& label) {
  const auto renamed = map.find(label);
  const std::string& name = renamed == map.end() ? label : renamed->second;
  const auto found = std::find(known.begin(), known.end(), name);
  if (found != known.end()) return static_cast<size_t>(found - known.begin());
  constexpr size_t kMost = 12;
  std::string some;
  for (size_t k = 0; k < std::min(kMost, known.size()); ++k) some += (k == 0 ? "" : ", ") + known[k];
  throw std::runtime_error(data + ": the model knows no label \"" + name + "\", only " + some +
                           (known.size() > kMost ? ", ..." : "") + " (--map " + label + "=LABEL renames it)");
}

}  // namespace

void add_labelled_data(CLI::App& command, std::string& data, std::string& labels_csv,
                       std::vector<std::string>& map) {
  command.add_option("data", data, "Folder with a folder of pictures for each label")->type_name("DATA");
  command
      .add_option(
          "--labels-csv", labels_csv,
          "Labels from a CSV file instead, lines path,label; paths are below DATA, or beside the file")
      ->type_name("FILE");
  command.add_option("--map", map, "Label of the model for a label of the data, as fake=ai")
      ->type_name("FROM=TO")
      ->delimiter(',');
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
  std::vector<size_t> classes;
  for (const std::string& label : set.labels)
    classes.push_back(class_of(known, renamed, labels_csv.empty() ? data : labels_csv, label));
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
  for (size_t i = 1; i < pictures.size(); ++i)
    if (pictures[i].path == pictures[i - 1].path)
      throw std::runtime_error(labels_csv + ": names " + pictures[i].path + " twice");
  return pictures;
}

}  // namespace levit::tools
