#include "tools/levit/dataset/dataset.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/input_list.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

namespace fs = std::filesystem;

struct UnclosedQuote : std::runtime_error {
  UnclosedQuote() : std::runtime_error("a quote is not closed") {}
};

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
    if (visible(name) != name) fail(path, "the name has control characters, so it cannot be a label");
    InputList list = list_inputs({path}, false);
    if (list.inputs.size() == 1 && list.inputs[0].path == path) fail(path, list.inputs[0].error);
    std::vector<Input>& inputs = (*found)[name];
    inputs.insert(inputs.end(), list.inputs.begin(), list.inputs.end());
    *skipped += list.skipped;
  }
}

// Where the fields of a file of labels stand.
struct CsvForm {
  char separator = ',';
  size_t path = 0, label = 1;
  bool has_header = false;
};

// What the first line says: the separator that divides it into most fields, and names of columns.
CsvForm form_of(const std::string& first) {
  CsvForm form;
  size_t most = 1;
  for (const char separator : {',', ';', '\t'}) {
    const size_t fields = csv_fields(first, separator).size();
    if (fields > most) form.separator = separator;
    most = std::max(most, fields);
  }
  static const std::set<std::string> kPaths = {"path", "file", "filename", "image"},
                                     kLabels = {"label", "class"};
  const std::vector<std::string> names = csv_fields(first, form.separator);
  std::optional<size_t> path, label;
  for (size_t i = 0; i < names.size(); ++i) {
    std::string name;
    for (const char c : names[i]) name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!path && kPaths.count(name) > 0) path = i;
    if (!label && kLabels.count(name) > 0) label = i;
  }
  form.has_header = path && label;
  if (form.has_header) {
    form.path = *path;
    form.label = *label;
  }
  return form;
}

class LabelFile {
 public:
  LabelFile(const std::string& file, const std::string& folder)
      : file_(file), base_(folder.empty() ? fs::path(file).parent_path() : fs::path(folder)) {}

  void read(ByLabel* found) {
    std::ifstream lines(file_, std::ios::binary);
    if (!lines) fail(file_, std::strerror(errno));
    for (std::string line; std::getline(lines, line);) {
      if (number_ == 0 && line.rfind("\xef\xbb\xbf", 0) == 0) line.erase(0, 3);  // a byte order mark
      if (!line.empty() && line.back() == '\r') line.pop_back();
      ++number_;
      if (!line.empty()) add(line, found);
    }
    if (lines.bad()) fail(file_, std::strerror(errno));
    if (found->empty()) fail(file_, "names no picture");
  }

 private:
  void add(const std::string& line, ByLabel* found) {
    const std::string where = file_ + ", line " + std::to_string(number_);
    try {
      if (number_ == 1) form_ = form_of(line);
      if (number_ == 1 && form_.has_header) return;
      const std::vector<std::string> fields = csv_fields(line, form_.separator);
      if (fields.size() <= std::max(form_.path, form_.label)) fail(where, "not path,label");
      const std::string &name = fields[form_.path], &label = fields[form_.label];
      if (name.empty() || label.empty()) fail(where, "an empty path or label");
      if (!valid_utf8(label)) fail(where, "the label is not UTF-8");
      if (visible(label) != label) fail(where, "the label has control characters");
      const std::string path = (base_ / name).lexically_normal().string();
      const size_t before = line_of_.emplace(path, number_).first->second;
      if (before != number_) fail(where, path + " again, as in line " + std::to_string(before));
      (*found)[label].push_back({path, ""});
    } catch (const UnclosedQuote& error) {
      fail(where, error.what());
    }
  }

  const std::string file_;
  const fs::path base_;
  size_t number_ = 0;
  CsvForm form_;
  std::map<std::string, size_t> line_of_;
};

}  // namespace

std::vector<std::string> csv_fields(const std::string& line, char separator) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (line[i] == '"' && (quoted || fields.back().empty())) {
      quoted = !quoted;
    } else if (line[i] == separator && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  if (quoted) throw UnclosedQuote();
  return fields;
}

void refuse_same_folder(const std::vector<std::string>& folders) {
  for (size_t i = 0; i < folders.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (same_file(folders[i], folders[j]))
        fail(folders[i], "is named twice, and its pictures would count twice");
}

Dataset read_dataset(const std::vector<std::string>& folders, const std::string& labels_csv) {
  Dataset dataset;
  ByLabel found;
  if (!labels_csv.empty()) {
    if (folders.size() > 1) throw UsageError("--labels-csv takes paths from one folder only");
    LabelFile(labels_csv, folders.empty() ? "" : folders[0]).read(&found);
  } else {
    refuse_same_folder(folders);
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

Dataset in_order_of(const ModelFile& model, Dataset dataset) {
  std::vector<std::string> own;
  for (size_t k = 0; k < model.info().labels; ++k) own.emplace_back(model.label(k));
  std::vector<std::string> sorted = own;
  std::sort(sorted.begin(), sorted.end());
  return sorted == dataset.labels ? with_labels(std::move(dataset), own) : dataset;
}

}  // namespace levit::tools
