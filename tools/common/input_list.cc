#include "tools/common/input_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <unordered_set>
#include <utility>

namespace levit::tools {
namespace {

namespace fs = std::filesystem;

std::string extension(const std::string& path) {
  std::string text = fs::path(path).extension().string();
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

class Walk {
 public:
  explicit Walk(bool zero_separated) : separator_(zero_separated ? '\0' : '\n') {}

  void argument(const std::string& argument) {
    if (argument == "-") {
      list("standard input", std::cin);
    } else if (argument.size() > 1 && argument[0] == '@') {
      std::ifstream file(argument.substr(1), std::ios::binary);
      list(argument.substr(1), file);
    } else {
      path(argument);
    }
  }

  InputList take() { return std::move(list_); }

 private:
  void add(const std::string& path, const std::string& error) {
    if (seen_paths_.insert(fs::absolute(path).lexically_normal().string()).second) {
      list_.inputs.push_back({path, error});
    } else {
      ++list_.repeated;
    }
  }

  void list(const std::string& name, std::istream& lines) {
    if (!lines) return add(name, std::strerror(errno));
    bool empty = true;
    for (std::string line; std::getline(lines, line, separator_);) {
      if (separator_ == '\n' && !line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty()) continue;
      path(line);
      empty = false;
    }
    if (lines.bad()) add(name, std::strerror(errno));
    if (empty) add(name, "names no picture");
  }

  void path(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return add(path, std::strerror(errno));
    if (!S_ISDIR(status.st_mode)) return add(path, "");
    const size_t before = list_.inputs.size() + list_.repeated, skipped = list_.skipped;
    if (!directory(path, status)) {
      ++list_.repeated;
    } else if (list_.inputs.size() + list_.repeated == before) {
      const size_t others = list_.skipped - skipped;
      add(path, "no picture in this directory" +
                    (others > 0 ? " (" + std::to_string(others) + " other files)" : std::string()));
    }
  }

  // False when this directory was walked before.
  bool directory(const std::string& path, const struct stat& status) {
    if (!seen_directories_.insert({status.st_dev, status.st_ino}).second) return false;
    std::vector<std::string> files, directories;
    std::error_code error;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      std::error_code unknown;
      const bool is_directory = entry->is_directory(unknown);
      if (name[0] == '.' || (!is_directory && !is_picture_name(name))) {
        list_.skipped += is_directory ? 0 : 1;
      } else {
        (is_directory ? directories : files).push_back(entry->path().string());
      }
    }
    if (error) add(path, error.message());
    std::sort(files.begin(), files.end());
    std::sort(directories.begin(), directories.end());
    for (const std::string& file : files) add(file, "");
    for (const std::string& inner : directories) {
      struct stat inner_status {};
      if (stat(inner.c_str(), &inner_status) == 0) directory(inner, inner_status);
    }
    return true;
  }

  char separator_;
  InputList list_;
  std::unordered_set<std::string> seen_paths_;
  std::set<std::pair<dev_t, ino_t>> seen_directories_;
};

}  // namespace

bool is_picture_name(const std::string& path) {
  static const std::set<std::string> kExtensions = {
      ".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg",  ".jxl",
      ".pgm",  ".pic", ".png", ".pnm",  ".ppm",  ".psd",  ".tga", ".tif",  ".tiff", ".webp"};
  return kExtensions.count(extension(path)) > 0;
}

bool is_npy_name(const std::string& path) {
  return extension(path) == ".npy";
}

InputList list_inputs(const std::vector<std::string>& arguments, bool zero_separated) {
  Walk walk(zero_separated);
  for (const std::string& argument : arguments) walk.argument(argument);
  return walk.take();
}

}  // namespace levit::tools
