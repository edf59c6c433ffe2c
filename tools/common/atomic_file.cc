// Write beside, sync, rename: the three steps after which a file is there whole or not at all.
#include "tools/common/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace levit::tools {
namespace {

[[noreturn]] void fail(int error) {
  throw std::runtime_error(std::strerror(error));
}

[[noreturn]] void fail_writing(int error) {
  throw std::runtime_error(std::string(std::strerror(error)) + "; nothing of it is left");
}

constexpr const char* kTemporary = ".part-XXXXXX";  // behind the final name; mkostemp replaces the X
constexpr size_t kRandom = 6;

// Beyond the limit of file sizes a write shall fail, as on a full disk, and not end the program.
class IgnoredSizeSignal {
 public:
  IgnoredSizeSignal() : before_(std::signal(SIGXFSZ, SIG_IGN)) {}
  ~IgnoredSizeSignal() { std::signal(SIGXFSZ, before_); }
  IgnoredSizeSignal(const IgnoredSizeSignal&) = delete;
  IgnoredSizeSignal& operator=(const IgnoredSizeSignal&) = delete;

 private:
  void (*before_)(int);
};

// A file with a name of its own, which is removed unless it gets its final one.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& final_path) : path_(final_path + kTemporary) {
    file_ = mkostemp(path_.data(), O_CLOEXEC);
    if (file_ < 0) fail(errno);
  }
  ~TemporaryFile() {
    if (file_ >= 0) close(file_);
    if (!renamed_) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write_all(std::string_view bytes) const {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t written = write(file_, bytes.data() + done, bytes.size() - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail_writing(errno);
      done += static_cast<size_t>(written);
    }
  }

  void rename_to(const std::string& final_path, mode_t mode) {
    if (fchmod(file_, mode) != 0 || fsync(file_) != 0) fail_writing(errno);
    const int closed = close(file_);
    file_ = -1;
    if (closed != 0 || rename(path_.c_str(), final_path.c_str()) != 0) fail_writing(errno);
    renamed_ = true;
  }

 private:
  std::string path_;
  int file_;
  bool renamed_ = false;
};

mode_t new_file_mode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

// So that the new name outlasts a loss of power; a file system that cannot do it has its own ways.
void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

}  // namespace

void write_atomically(const std::string& path, const std::vector<uint8_t>& bytes) {
  write_atomically(path, {std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
}

void write_atomically(const std::string& path, std::initializer_list<std::string_view> pieces) {
  std::string target = path;
  mode_t mode = new_file_mode();
  struct stat status;
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail(EISDIR);
    if (!S_ISREG(status.st_mode)) throw std::runtime_error("not a regular file");
    mode = status.st_mode & 0777;
    target = std::filesystem::canonical(path).string();
  }
  const IgnoredSizeSignal ignored;
  TemporaryFile file(target);
  for (const std::string_view piece : pieces) file.write_all(piece);
  file.rename_to(target, mode);
  sync_folder(std::filesystem::path(target).parent_path());
}

void remove_unfinished(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path file = path, folder = file.has_parent_path() ? file.parent_path() : ".";
  const std::string pattern = file.filename().string() + kTemporary;
  const std::string start = pattern.substr(0, pattern.size() - kRandom);
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.size() == pattern.size() && name.compare(0, start.size(), start) == 0)
      found.push_back(entry->path());
  }
  for (const fs::path& one : found) fs::remove(one, error);
}

void refuse_special_file(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return;
  throw std::runtime_error(path + (S_ISDIR(status.st_mode) ? ": is a directory" : ": not a regular file"));
}

void check_output_path(const std::string& path) {
  refuse_special_file(path);
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  struct stat status;
  const bool found = stat(folder.c_str(), &status) == 0;
  if (found && !S_ISDIR(status.st_mode)) errno = ENOTDIR;
  if (!found || !S_ISDIR(status.st_mode) || access(folder.c_str(), W_OK) != 0)
    throw std::runtime_error(folder + ": " + std::strerror(errno));
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error) && !error;
}

void refuse_input_as_output(const std::string& output, const std::vector<std::string>& inputs) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(output, error)) return;
  for (const std::string& input : inputs)
    if (same_file(output, input))
      throw std::runtime_error(output + ": is an input too, and would be overwritten");
}

void refuse_same_output(const std::vector<std::string>& outputs) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto place = [&error](const std::string& path) {
    const fs::path whole = fs::absolute(path, error);  // fails in a directory that is gone
    return fs::weakly_canonical(error ? fs::path(path) : whole, error);
  };
  for (size_t i = 0; i < outputs.size(); ++i)
    for (size_t j = 0; j < i && !outputs[i].empty(); ++j)
      if (!outputs[j].empty() &&
          (place(outputs[i]) == place(outputs[j]) || same_file(outputs[i], outputs[j])))
        throw std::runtime_error(outputs[i] +
                                 ": is asked for twice, and one would be written over the other");
}

void refuse_output_inside(const std::string& output, const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (folder.empty() || !fs::is_directory(folder, error)) return;
  for (fs::path at = fs::weakly_canonical(fs::absolute(output), error); !error && !at.empty();
       at = at.parent_path()) {
    if (same_file(at.string(), folder))
      throw std::runtime_error(output + ": lies in " + folder +
                               ", and what is written there would be read as data the next time");
    if (at == at.root_path()) return;
  }
}

}  // namespace levit::tools
