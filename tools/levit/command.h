// What the commands of `levit` share: how they are added, their exit codes and the flags that several of them
// take.
#ifndef LEVIT_TOOLS_LEVIT_COMMAND_H_
#define LEVIT_TOOLS_LEVIT_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "levit.h"

namespace levit::tools {

// Exit codes besides 0 and kInterruptedExit.
inline constexpr int kFailedExit =
    1;  // something could not be read, computed or written; standard error names it
inline constexpr int kUsageExit = 2;

// A command of the program; run() gives the exit code and is called after parsing.
struct Command {
  CLI::App* app;
  std::function<int()> run;
};
Command add_classify(CLI::App& program);
Command add_explain(CLI::App& program);
Command add_info(CLI::App& program);
Command add_bench(CLI::App& program);

// Flags, each defined once. What they fill must outlive the parsing; without the flag it keeps its value.
void add_paths(CLI::App& command, std::vector<std::string>& paths, bool& zero_separated);
void add_model_flag(CLI::App& command, std::string& path);
void add_threads_flag(CLI::App& command, size_t& threads);  // 0: as many as the machine has
void add_batch_flag(CLI::App& command, size_t& batch);
void add_target_flag(CLI::App& command, std::string& target);
void add_resize_flag(CLI::App& command, std::string& resize);
void add_ignore_orientation_flag(CLI::App& command, bool& ignore);

// What --resize says, or the weight file's own mode when it is empty.
levit_resize chosen_resize(const std::string& flag, const levit_info& info);
const char* resize_name(levit_resize resize);

// The target as levit_options takes it.
inline const char* chosen_target(const std::string& flag) {
  return flag.empty() ? nullptr : flag.c_str();
}

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_COMMAND_H_
