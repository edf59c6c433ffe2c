#include "tools/levit/train/log.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/output.h"

namespace levit::tools {
namespace {

// The lines up to a step; a line that was left unfinished ends them.
std::string lines_until(const std::string& path, size_t step) {
  std::ifstream file(path, std::ios::binary);
  std::string kept;
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::ordered_json::parse(line, nullptr, false);
    if (!json.is_object() || json.value("step", step + 1) > step) break;
    kept += line + "\n";
  }
  return kept;
}

}  // namespace

TrainLog::TrainLog(const std::string& path, size_t step) : path_(path) {
  if (path.empty()) return;
  try {
    const std::string kept = step > 0 ? lines_until(path, step) : "";
    write_atomically(path, {std::string_view(kept)});
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
  file_ = std::fopen(path.c_str(), "ae");
  if (file_ == nullptr) throw std::runtime_error(path + ": " + std::strerror(errno));
}

TrainLog::~TrainLog() {
  if (file_ != nullptr) std::fclose(file_);
}

void TrainLog::write(const nlohmann::ordered_json& line) {
  if (file_ == nullptr || failed_) return;
  const std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0) return;
  failed_ = true;
  complain(path_ + ": " + std::strerror(errno) + "; no more lines are written to it");
}

}  // namespace levit::tools
