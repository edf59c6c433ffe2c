#include "tools/usage/usage.h"

#include <CLI/CLI.hpp>

namespace levit::tools {
namespace {

// CLI11 says "MODE:{squash,timm,hf}" or "N:INT in [1 - 4294]": the value's name, and what it may be.
void read_type(const std::string& type, Flag* flag) {
  flag->value = type.substr(0, type.find(':'));
  if (flag->value.find_first_of("([") == 0) flag->value.clear();
  const size_t open = type.find(":{");
  if (open != std::string::npos)
    flag->choices = CLI::detail::split(type.substr(open + 2, type.find('}') - open - 2), ',');
  const auto says = [flag](const char* word) { return flag->value.find(word) != std::string::npos; };
  flag->takes = says("FILE") || says("PATH") || says("DATA") ? Flag::kFile
                : says("DIR")                                ? Flag::kDirectory
                                                             : Flag::kText;
}

std::vector<Flag> described(const CLI::App& app, bool positional) {
  std::vector<Flag> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty() || option->get_positional() != positional) continue;
    Flag flag;
    flag.help = option->get_description();
    if (positional) {
      flag.names = {option->get_name(true)};
    } else {
      for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
      for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
    }
    if (option->get_items_expected_max() > 0) read_type(option->get_type_name(), &flag);
    flags.push_back(flag);
  }
  return flags;
}

void add_manual_flag(CLI::App& app, const std::string& group) {
  app.add_flag_callback(
         "--manual", [&app] { throw CLI::CallForVersion(manual_page(app), 0); },
         "Print the manual page, which man -l - shows; behind a command that of the command")
      ->trigger_on_parse()
      ->group(group);
}

}  // namespace

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::vector<Flag> flags_of(const CLI::App& app) {
  return described(app, false);
}

std::vector<Flag> arguments_of(const CLI::App& app) {
  return described(app, true);
}

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App*) { return true; });
}

void add_usage_flags(CLI::App& program) {
  for (CLI::App* command : program.get_subcommands([](CLI::App*) { return true; })) {
    add_manual_flag(*command, "");
    fit_help(*command);
  }
  add_manual_flag(program, "Options");
  fit_help(program);
  program
      .add_option_function<std::string>(
          "--completion",
          [&program](const std::string& shell) {
            throw CLI::CallForVersion(completion_script(program, shell), 0);
          },
          "Print a script that completes this command line in a shell")
      ->trigger_on_parse()
      ->type_name("SHELL")
      ->check(CLI::IsMember({"bash", "fish", "zsh"}));
}

}  // namespace levit::tools
