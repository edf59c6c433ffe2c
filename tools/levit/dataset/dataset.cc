#include "tools/levit/dataset/dataset.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>

#include "tools/common/input_list.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

namespace fs = std::filesystem;

using ByLabel = std::map<std::string, std::vector<Input>>;

[[noreturn]] void fail(const std::string& path, const std::string& cause) {
  throw std::runtime_error(path + ": " + cause);
}

// Names of the visible folders in a folder.
std::vector<std::string> folders_of(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code unknown;
    if (name[0] != '.' && entry->is_directory(unknown)) names.push_back(name);
  }
  if (error) fail(folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

// "ai, real" when these folders are parts of a data set and not labels.
void refuse_parts(const std::string& folder, const std::vector<std::string>& names) {
  static const std::set<std::string> kParts = {"train", "test", "val", "valid", "validation"};
  for (const std::string& name : names) {
    if (kParts.count(name) == 0) continue;
    const std::vector<std::string> inner = folders_of(fs::path(folder) / name);
    if (inner.size() < 2) continue;
    fail(folder, "its folder \"" + name + "\" has folders of its own (" + inner[0] + ", " + inner[1] +
                     (inner.size() > 2 ? ", ..." : "") + ") and is no label; name " +
                     (fs::path(folder) / name).string());
  }
}

void read_folder(const std::string& folder, ByLabel* found, size_t* skipped) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) fail(folder, error ? error.message() : "not a directory");
  const std::vector<std::string> names = folders_of(folder);
  if (names.empty()) fail(folder, "no folders in it; every label needs one, as in ai/ and real/");
  refuse_parts(folder, names);
  for (const std::string& name : names) {
    const std::string path = (fs::path(folder) / name).string();
    if (!valid_utf8(name)) fail(path, "the name is not UTF-8, so it cannot be a label");
    InputList list = list_inputs({path}, false);
    if (list.inputs.size() == 1 && list.inputs[0].path == path) fail(path, list.inputs[0].error);
    std::vector<Input>& inputs = (*found)[name];
    inputs.insert(inputs.end(), list.inputs.begin(), list.inputs.end());
    *skipped += list.skipped;
  }
}

// A line of a CSV file with its number, for messages.
void read_row(const std::string& file, size_t number, const std::string& line, const fs::path& base,
              ByLabel* found) {
  const std::string where = file + ", line " + std::to_string(number);
  std::vector<std::string> fields;
  try {
    fields = csv_fields(line);
  } catch (const std::runtime_error& error) {
    fail(where, error.what());
  }
  if (fields.size() < 2) fail(where, "not path,label");
  if (number == 1 && fields[0] == "path" && fields[1] == "label") return;
  if (fields[0].empty() || fields[1].empty()) fail(where, "an empty path or label");
  if (!valid_utf8(fields[1])) fail(where, "the label is not UTF-8");
  (*found)[fields[1]].push_back({(base / fields[0]).lexically_normal().string(), ""});
}

void read_csv(const std::string& file, const std::string& folder, ByLabel* found) {
  std::ifstream lines(file, std::ios::binary);
  if (!lines) fail(file, std::strerror(errno));
  const fs::path base = folder.empty() ? fs::path(file).parent_path() : fs::path(folder);
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    if (number == 0 && line.rfind("\xef\xbb\xbf", 0) == 0) line.erase(0, 3);  // a byte order mark
    if (!line.empty() && line.back() == '\r') line.pop_back();
    ++number;
    if (!line.empty()) read_row(file, number, line, base, found);
  }
  if (lines.bad()) fail(file, std::strerror(errno));
  if (found->empty()) fail(file, "names no picture");
}

}  // namespace

std::vector<std::string> csv_fields(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (line[i] == '"' && (quoted || fields.back().empty())) {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  if (quoted) throw std::runtime_error("a quote is not closed");
  return fields;
}

Dataset read_dataset(const std::vector<std::string>& folders, const std::string& labels_csv) {
  Dataset dataset;
  ByLabel found;
  if (!labels_csv.empty()) {
    if (folders.size() > 1) throw UsageError("--labels-csv takes paths from one folder only");
    read_csv(labels_csv, folders.empty() ? "" : folders[0], &found);
  } else {
    for (const std::string& folder : folders) read_folder(folder, &found, &dataset.skipped);
  }
  for (const auto& [label, inputs] : found) {
    for (const Input& input : inputs)
      dataset.pictures.push_back({input.path, static_cast<uint32_t>(dataset.labels.size()), input.error});
    dataset.labels.push_back(label);
  }
  return dataset;
}

Dataset with_labels(Dataset dataset, const std::vector<std::string>& labels) {
  std::vector<uint32_t> index;
  for (const std::string& label : dataset.labels) {
    const auto at = std::find(labels.begin(), labels.end(), label);
    if (at == labels.end()) throw std::runtime_error("the model has no class \"" + label + "\"");
    index.push_back(static_cast<uint32_t>(at - labels.begin()));
  }
  for (LabelledPicture& picture : dataset.pictures) picture.label = index[picture.label];
  dataset.labels = labels;
  return dataset;
}

}  // namespace levit::tools
