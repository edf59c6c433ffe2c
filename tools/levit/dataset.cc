#include "tools/levit/dataset.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <utility>

#include "tools/common/input_list.h"
#include "tools/common/text.h"

namespace levit::tools {
namespace {

namespace fs = std::filesystem;

using Row = std::vector<std::string>;

// Rows of a CSV file with the number of their first line.
class CsvReader {
 public:
  explicit CsvReader(const std::string& path) : path_(path), file_(path, std::ios::binary) {
    if (!file_) throw std::runtime_error(path + ": " + std::strerror(errno));
    if (fs::is_directory(path)) throw std::runtime_error(path + ": a directory, not a CSV file");
  }

  // False at the end of the file. Empty lines are passed over.
  bool next(Row& row) {
    row.assign(1, "");
    bool quoted = false, any = false;
    for (char c; file_.get(c);) {
      if (!any) row_line_ = line_;
      if (c == '\n') ++line_;
      if (!quoted && c == '\n') {
        if (any) return true;
        continue;
      }
      if (c == '"' && quoted && file_.peek() == '"') {
        row.back() += static_cast<char>(file_.get());
      } else if (c == '"' && (quoted || row.back().empty())) {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        row.emplace_back();
      } else if (quoted || c != '\r') {
        row.back() += c;
      }
      any = any || c != '\r';
    }
    if (quoted) fail("a quote that does not end");
    return any;
  }

  [[noreturn]] void fail(const std::string& cause) const {
    throw std::runtime_error(path_ + ": line " + std::to_string(row_line_) + ": " + cause);
  }

 private:
  std::string path_;
  std::ifstream file_;
  size_t line_ = 1, row_line_ = 1;
};

bool is_heading(Row row) {
  for (std::string& field : row)
    std::transform(field.begin(), field.end(), field.begin(),
                   [](unsigned char c) { return std::tolower(c); });
  return row.size() >= 2 && row[0] == "path" && row[1] == "label";
}

// Sorts the labels and the pictures, which name their label by `names[label]` so far.
DataSet sorted(std::vector<LabelledPicture> pictures, const std::vector<std::string>& names) {
  DataSet set;
  set.labels = names;
  std::sort(set.labels.begin(), set.labels.end());
  std::vector<size_t> place;
  for (const std::string& name : names)
    place.push_back(static_cast<size_t>(std::lower_bound(set.labels.begin(), set.labels.end(), name) -
                                        set.labels.begin()));
  for (LabelledPicture& picture : pictures) picture.label = place[picture.label];
  std::sort(pictures.begin(), pictures.end(),
            [](const LabelledPicture& a, const LabelledPicture& b) { return a.path < b.path; });
  set.pictures = std::move(pictures);
  return set;
}

}  // namespace

DataSet read_labelled_folders(const std::string& data) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator entry(data, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name[0] != '.' && entry->is_directory()) names.push_back(name);
  }
  if (error) throw std::runtime_error(data + ": " + error.message());
  if (names.empty()) throw std::runtime_error(data + ": no folder in it whose name could be a label");
  std::vector<LabelledPicture> pictures;
  size_t skipped = 0;
  for (size_t label = 0; label < names.size(); ++label) {
    const InputList list = list_inputs({(fs::path(data) / names[label]).string()}, false);
    skipped += list.skipped;
    for (const Input& input : list.inputs) {
      // One error and no picture: the folder itself is empty or cannot be read.
      if (list.inputs.size() == 1 && !input.error.empty() && fs::is_directory(input.path))
        throw std::runtime_error(input.path + ": " + input.error);
      const fs::path folder = fs::path(input.path).parent_path().lexically_relative(data);
      pictures.push_back({input.path, label, folder.generic_string(), input.error});
    }
  }
  DataSet set = sorted(std::move(pictures), names);
  set.skipped = skipped;
  return set;
}

DataSet read_labels_csv(const std::string& csv, const std::string& folder) {
  const fs::path base = folder.empty() ? fs::path(csv).parent_path() : fs::path(folder);
  std::vector<LabelledPicture> pictures;
  std::vector<std::string> names;
  std::map<std::string, size_t> place;  // of a name
  CsvReader reader(csv);
  bool first = true;
  for (Row row; reader.next(row); first = false) {
    if (first && row[0].compare(0, 3, "\xEF\xBB\xBF") == 0) row[0].erase(0, 3);
    if (first && is_heading(row)) continue;
    if (row.size() < 2 || row[0].empty() || row[1].empty()) reader.fail("not PATH,LABEL");
    const auto [entry, is_new] = place.insert({row[1], names.size()});
    if (is_new) names.push_back(row[1]);
    const fs::path path = base / row[0];
    std::string source = row.size() > 2 ? row[2] : fs::path(row[0]).parent_path().generic_string();
    std::error_code error;
    const bool there = fs::exists(path, error);
    pictures.push_back({path.string(), entry->second, std::move(source),
                        there ? "" : std::strerror(error ? error.value() : ENOENT)});
  }
  if (pictures.empty()) throw std::runtime_error(csv + ": names no picture");
  DataSet set = sorted(std::move(pictures), names);
  for (size_t i = 1; i < set.pictures.size(); ++i) {
    if (set.pictures[i].path == set.pictures[i - 1].path)
      throw std::runtime_error(csv + ": names " + set.pictures[i].path + " twice");
  }
  return set;
}

Shard parse_shard(const std::string& text) {
  Shard shard;
  char rest = 0;
  if (text.find_first_not_of("0123456789/") == std::string::npos &&
      std::sscanf(text.c_str(), "%zu/%zu%c", &shard.index, &shard.parts, &rest) == 2 && shard.index >= 1 &&
      shard.index <= shard.parts && shard.parts <= 1'000'000)
    return shard;
  throw std::runtime_error("\"" + text + "\" is not I/N with 1 <= I <= N <= 1000000");
}

}  // namespace levit::tools
