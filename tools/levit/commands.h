// The commands of `levit`: how each joins the program, exit codes, and the flags that several of them have.
#ifndef LEVIT_TOOLS_LEVIT_COMMANDS_H_
#define LEVIT_TOOLS_LEVIT_COMMANDS_H_

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "levit.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace levit::tools {

// A command: its part of the command line, and what to do when that is parsed.
struct Command {
  CLI::App* app;
  std::function<int()> run;  // returns the exit code; throws what ends the program with kFailedExit
};

// Every command lives in the folder of its name and joins the program by one function, where its flags and
// their help are defined and nowhere else. Here and in main.cc are the only lists of commands.
Command add_attack(CLI::App& program);
Command add_bench(CLI::App& program);
Command add_classify(CLI::App& program);
Command add_evaluate(CLI::App& program);
Command add_explain(CLI::App& program);
Command add_finetune(CLI::App& program);
Command add_info(CLI::App& program);

// Exit codes besides 0 and kInterruptedExit.
inline constexpr int kFailedExit = 1;  // something could not be read, computed or written: named on stderr
inline constexpr int kUsageExit = 2;

// What is wrong with the words of a command line and shows only when the command runs, as a class that the
// model does not have: ends the program with kUsageExit.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// For CLI11's check(): what is wrong with a text is what `parse` throws.
template <typename Parse>
std::function<std::string(const std::string&)> taken_by(const Parse& parse) {
  return [parse](const std::string& text) {
    try {
      parse(text);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
}

// For CLI11's check(): finite numbers only, NaN is none, and a bound is said as it stands in the code.
// CLI11's own checks take NaN and write the largest double in 300 digits.
CLI::Validator number_between(double low, double high);  // both included
CLI::Validator number_above_zero();
CLI::Validator number_from_zero();

// Flags of several commands. What they fill must outlive the parsing; without the flag it keeps its value.
// Without a path, what stands on standard input is taken, unless it is a terminal.
void add_paths(CLI::App& command, std::vector<std::string>& paths, bool& zero_separated);
void add_resize_flag(CLI::App& command, std::string& resize);  // see chosen_resize()
void add_ignore_orientation_flag(CLI::App& command, bool& ignore);
void add_max_megapixels_flag(CLI::App& command, size_t& largest_area);  // in pixels
void add_model_flag(CLI::App& command, std::string& path);              // see find_model()
void add_threads_flag(CLI::App& command, size_t& threads);              // 0: as many as the machine has
void add_batch_flag(CLI::App& command, size_t& batch);
void add_target_flag(CLI::App& command, std::string& target);  // see chosen_target()

// What --resize says, or the mode stored in the weight file when it is empty.
levit_resize chosen_resize(const std::string& flag, levit_resize stored);
const char* resize_name(levit_resize resize);

// What --target says, as levit_options takes it.
inline const char* chosen_target(const std::string& flag) {
  return flag.empty() ? nullptr : flag.c_str();
}

// Says how many inputs Ctrl-C has left; returns the exit code.
int report_stop(size_t inputs_left);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_COMMANDS_H_
