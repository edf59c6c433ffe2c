// Manual pages and completion scripts of a program, made of the definition that parses its command line.
#ifndef LEVIT_TOOLS_USAGE_USAGE_H_
#define LEVIT_TOOLS_USAGE_USAGE_H_

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace levit::tools {

// Gives the program, whose commands are already there, --manual (each command has it too, but hidden) and
// --completion SHELL, which print and end the parsing as --version does, and fits the help of all.
void add_usage_flags(CLI::App& program);

// Folds the help of a program or command to the terminal's width.
void fit_help(CLI::App& app);

// The page of section 1, for man(7), of a program or of one of its commands.
std::string manual_page(const CLI::App& app);

// shell: "bash", "fish" or "zsh".
std::string completion_script(const CLI::App& program, const std::string& shell);

// What an option looks like from outside.
struct Flag {
  enum Takes { kNothing, kText, kFile, kDirectory };

  std::vector<std::string> names;    // "-o", "--output"; of a positional argument its own
  std::string value;                 // what stands for it, "FILE"; empty for one that takes none
  std::vector<std::string> choices;  // all that it can be; empty: anything
  std::string help;
  Takes takes = kNothing;
};

// The flags of a program or command that its help shows; and its positional arguments.
std::vector<Flag> flags_of(const CLI::App& app);
std::vector<Flag> arguments_of(const CLI::App& app);

// All commands in the order of --help; none for a program without.
std::vector<const CLI::App*> commands_of(const CLI::App& program);

// Words with `between` between them.
std::string joined(const std::vector<std::string>& words, const char* between);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_USAGE_USAGE_H_
