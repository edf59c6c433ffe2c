// A directory that ends with the test.
#ifndef LEVIT_TESTS_SUPPORT_SCRATCH_DIRECTORY_H_
#define LEVIT_TESTS_SUPPORT_SCRATCH_DIRECTORY_H_

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace levit::tests {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "levit_test.XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error(name + ": cannot be made");
    path_ = std::filesystem::canonical(name);
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes a file and the directories above it; returns its path.
  std::string write(const std::string& name, const std::string& content = "") const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace levit::tests

#endif  // LEVIT_TESTS_SUPPORT_SCRATCH_DIRECTORY_H_
