// The program `levit`: its list of commands, and the way from the words of a command line to one of them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <numeric>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tools/common/heap.h"
#include "tools/common/input_file.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/levit/commands.h"
#include "tools/usage/usage.h"

namespace levit::tools {
namespace {

struct Entry {
  const char* name;
  Command (*add)(CLI::App& program);
};
constexpr Entry kCommands[] = {
    // in the order of --help
    {"classify", add_classify}, {"explain", add_explain}, {"evaluate", add_evaluate}, {"attack", add_attack},
    {"finetune", add_finetune}, {"info", add_info},       {"bench", add_bench},
};

// Insertions, deletions and substitutions between two words (Levenshtein 1966).
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// The sentence for a word that is no command.
std::string unknown_command(const std::string& word) {
  std::string nearest;
  size_t distance = 4;  // farther words are no slip of the fingers
  for (const Entry& entry : kCommands) {
    const size_t edits = edit_distance(word, entry.name);
    if (edits < distance) nearest = entry.name;
    distance = std::min(distance, edits);
  }
  return "no command \"" + word + "\"; " +
         (nearest.empty() ? "levit --help lists them" : "did you mean \"" + nearest + "\"?");
}

// Runs the command that the arguments of main() name. Returns the exit code; complains about wrong usage
// itself and throws what the command throws.
int run_command_line(int count, char** arguments) {
  CLI::App program("Tells AI-generated pictures from photographs, and shows why.", "levit");
  program.footer(
      "Example: levit classify holiday.jpg downloads/\nExit codes: 0 done; 1 an input failed; 2 wrong usage; "
      "130 stopped by Ctrl-C.");
  program.set_version_flag("--version", std::string("levit ") + levit_version());
  program.require_subcommand(0, 1);

  // Of the commands only the one that is named: defining the flags of all takes half a millisecond.
  const std::string word = count > 1 && arguments[1][0] != '-' ? arguments[1] : "";
  std::optional<Command> command;
  for (const Entry& entry : kCommands) {
    if (!word.empty() && word != entry.name) continue;
    command = entry.add(program);
  }
  add_usage_flags(program);
  if (!command) {
    complain(unknown_command(word));
    return kUsageExit;
  }
  const std::string help = " (see levit " + word + (word.empty() ? "" : " ") + "--help";
  try {
    program.parse(count, arguments);
    if (!word.empty()) return command->run();
  } catch (const CLI::Success& asked) {  // --help, --version, --manual, --completion
    std::ostringstream text;
    const int code = program.exit(asked, text, text);
    print(text.str());
    return code;
  } catch (const CLI::ExtrasError& error) {
    complain(error.what() + help + "; paths that begin with a dash go behind --)");
    return kUsageExit;
  } catch (const CLI::ParseError& error) {
    complain(error.what() + help + ")");
    return kUsageExit;
  } catch (const UsageError& error) {
    complain(error.what() + help + ")");
    return kUsageExit;
  }
  std::fputs(program.help().c_str(), stderr);
  return kUsageExit;
}

}  // namespace
}  // namespace levit::tools

int main(int count, char** arguments) {
  using namespace levit::tools;
  reserve_heap();
  catch_signals();
  try {
    return run_command_line(count, arguments);
  } catch (const Interrupted& stopped) {
    complain(stopped.what());
    return kInterruptedExit;
  } catch (const std::bad_alloc&) {
    complain("not enough memory; fewer --threads or a smaller --batch take less");
    return kFailedExit;
  } catch (const std::exception& error) {
    complain(error.what());
    return kFailedExit;
  }
}
