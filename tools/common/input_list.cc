// The walk over files, directories and lists; it opens nothing but lists and standard input.
#include "tools/common/input_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "tools/common/input_file.h"

namespace levit::tools {
namespace {

namespace fs = std::filesystem;

// A list is held in memory; a picture on standard input is too.
constexpr size_t kLargestList = size_t{1} << 30;
constexpr const char* kListTooLong = "larger than 1 GiB, neither a list nor a picture";

std::string extension(const std::string& path) {
  std::string text = fs::path(path).extension().string();
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

class Walk {
 public:
  Walk(bool zero_separated, const std::string& results) : separator_(zero_separated ? '\0' : '\n') {
    struct stat status {};
    if (!results.empty() && stat(results.c_str(), &status) == 0) results_ = {status.st_dev, status.st_ino};
  }

  void argument(const std::string& argument) {
    if (argument == "-") {
      standard_input();
    } else if (argument.size() > 1 && argument[0] == '@') {
      const std::string name = argument.substr(1);
      try {
        InputFile file(name);
        list(name, file.read_all(kLargestList, kListTooLong));
      } catch (const std::runtime_error& error) {
        add(name, error.what());
      }
    } else {
      path(argument);
    }
  }

  InputList take() { return std::move(list_); }

 private:
  void add(const std::string& path, const std::string& error) {
    // Without a working directory, as after its removal, the path stays as it is.
    std::error_code none;
    const fs::path absolute = path.empty() ? fs::path() : fs::absolute(path, none);
    const std::string key = none || path.empty() ? path : absolute.lexically_normal().string();
    if (seen_paths_.insert(key).second) {
      list_.inputs.push_back({path, error});
    } else {
      ++list_.repeated;
    }
  }

  void standard_input() {
    const std::string name = "standard input";
    if (read_standard_input_) {
      list_.inputs.push_back({name, "can be read only once"});
      return;
    }
    read_standard_input_ = true;
    try {
      InputFile file = InputFile::standard_input();
      auto bytes = std::make_shared<std::vector<uint8_t>>(file.read_all(kLargestList, kListTooLong));
      if (is_picture(*bytes)) {
        list_.inputs.push_back({"-", "", std::move(bytes)});
      } else {
        list(name, *bytes);
      }
    } catch (const std::runtime_error& error) {
      add(name, error.what());
    }
  }

  // Whether these bytes of standard input are no list: a zero byte stands in no path, and a list that is
  // separated by them begins with none of these.
  bool is_picture(const std::vector<uint8_t>& bytes) const {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (const std::string_view start :
         {"\xff\xd8\xff", "\x89PNG\r\n", "GIF8", "RIFF", "8BPS", "II*", "MM", "\x93NUMPY"})
      if (text.substr(0, start.size()) == start && text.find('\0') != std::string_view::npos) return true;
    constexpr size_t kLooked = 4096;
    if (separator_ != '\0' && text.substr(0, kLooked).find('\0') != std::string_view::npos) return true;
    // PNM: "P3" and the like, white space, and a number or a remark.
    return text.size() > 3 && text[0] == 'P' && text[1] >= '1' && text[1] <= '6' &&
           std::isspace(static_cast<unsigned char>(text[2])) != 0 &&
           (std::isdigit(static_cast<unsigned char>(text[3])) != 0 || text[3] == '#');
  }

  void list(const std::string& name, const std::vector<uint8_t>& bytes) {
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    constexpr std::string_view kMark = "\xef\xbb\xbf";
    if (text.substr(0, kMark.size()) == kMark) text.remove_prefix(kMark.size());
    if (text.substr(0, 2) == "\xff\xfe" || text.substr(0, 2) == "\xfe\xff")
      return add(name, "a list in UTF-16; UTF-8 is read");
    bool empty = true;
    while (!text.empty()) {
      std::string_view line = text.substr(0, text.find(separator_));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      if (separator_ == '\n' && !line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (line.empty()) continue;
      path(std::string(line));
      empty = false;
    }
    if (empty) add(name, "names no picture");
  }

  void path(const std::string& path) {
    if (path.empty()) return add(path, "an empty path");
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
      const fs::file_type type = entry->status(unknown).type();
      const bool is_directory = type == fs::file_type::directory;
      const bool waits = type == fs::file_type::fifo || type == fs::file_type::socket ||
                         type == fs::file_type::character || type == fs::file_type::block;
      if (name[0] == '.' || (!is_directory && (waits || !is_picture_name(name)))) {
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
      if (stat(inner.c_str(), &inner_status) != 0) continue;
      if (results_ != DirectoryId{inner_status.st_dev, inner_status.st_ino}) directory(inner, inner_status);
    }
    return true;
  }

  using DirectoryId = std::pair<dev_t, ino_t>;
  char separator_;
  DirectoryId results_ = {};
  bool read_standard_input_ = false;
  InputList list_;
  std::unordered_set<std::string> seen_paths_;
  std::set<DirectoryId> seen_directories_;
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

InputList list_inputs(const std::vector<std::string>& arguments, bool zero_separated,
                      const std::string& results) {
  Walk walk(zero_separated, results);
  for (const std::string& argument : arguments) walk.argument(argument);
  return walk.take();
}

}  // namespace levit::tools
