#include "tests/support/program.h"

#include <sys/wait.h>

#include <cstdlib>
#include <iterator>

#include "tests/support/npy.h"
#include "tests/support/seeded.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {
namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Outcome run(const std::string& line) {
  const ScratchDirectory directory;
  const std::string script =
      directory.write("script", "unset LEVIT_MODEL\nlevit=" + quoted(LEVIT_PROGRAM) + "\n" + line + "\n");
  const auto out = directory.path() / "out", err = directory.path() / "err";
  const int status =
      std::system(("bash " + script + " </dev/null >" + out.string() + " 2>" + err.string()).c_str());
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), content(out), content(err)};
}

std::string quoted(const std::string& path) {
  std::string text = "'";
  for (const char c : path) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string write_model(const ScratchDirectory& directory, uint32_t classes) {
  Seed seed;
  seed.variant = "micro";
  seed.classes = classes;
  seed.calm = true;
  const std::vector<uint8_t> image = tools::write_levit(seeded_fold(seed), weights::Type::kFloat);
  return directory.write("model.levit", {image.begin(), image.end()});
}

std::string write_picture(const ScratchDirectory& directory, const std::string& name, size_t width,
                          size_t height) {
  std::string file = "P6 " + std::to_string(width) + " " + std::to_string(height) + " 255\n";
  for (const double value : uniform(std::filesystem::path(name).filename(), 3 * width * height))
    file += static_cast<char>(static_cast<int>(128 + 127 * value));
  return directory.write(name, file);
}

}  // namespace levit::tests
