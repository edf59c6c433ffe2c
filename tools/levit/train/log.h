// What happens at every step and epoch as JSON lines, for programs.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_LOG_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_LOG_H_

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

namespace levit::tools {

class TrainLog {
 public:
  // Begins the file; or goes on with it behind the line of step `step`, and forgets what a run that was
  // killed wrote later. No file without a path. Throws std::runtime_error "path: cause".
  TrainLog(const std::string& path, size_t step);
  ~TrainLog();
  TrainLog(const TrainLog&) = delete;
  TrainLog& operator=(const TrainLog&) = delete;

  // A line, on its way to the disk at once. When it cannot be written that is said once, and no more follow.
  void write(const nlohmann::ordered_json& line);
  bool failed() const { return failed_; }

 private:
  std::string path_;
  std::FILE* file_ = nullptr;
  bool failed_ = false;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_LOG_H_
