// Completion scripts for bash, fish and zsh: commands, flags, and the values of those that have choices or
// take files.
#include <CLI/CLI.hpp>

#include "tools/usage/usage.h"

namespace levit::tools {
namespace {

std::string names_of_commands(const CLI::App& program) {
  std::string text;
  for (const CLI::App* command : commands_of(program))
    text += (text.empty() ? "" : " ") + command->get_name();
  return text;
}

std::string without(std::string text, const char* characters) {
  for (size_t at = 0; (at = text.find_first_of(characters, at)) != std::string::npos;) text.erase(at, 1);
  return text;
}

// In single quotes, as all three shells read it.
std::string in_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// One case of the script: the flags, and what may stand behind each.
std::string bash_case(const CLI::App& app, const std::string& pattern) {
  std::vector<std::string> all, by_kind[4];  // by Flag::Takes
  std::string choices;
  for (const Flag& flag : flags_of(app)) {
    all.insert(all.end(), flag.names.begin(), flag.names.end());
    std::vector<std::string>& kind = by_kind[flag.takes];
    if (flag.choices.empty())
      kind.insert(kind.end(), flag.names.begin(), flag.names.end());
    else
      choices += "        " + joined(flag.names, " | ") + ") words=" + in_quotes(joined(flag.choices, " ")) +
                 " kind=words ;;\n";
  }
  std::string text = "    " + pattern + ")\n      flags=" + in_quotes(joined(all, " ")) +
                     "\n      case $before in\n" + choices;
  const auto add = [&](Flag::Takes takes, const char* kind) {
    if (!by_kind[takes].empty())
      text += "        " + joined(by_kind[takes], " | ") + ") kind=" + kind + " ;;\n";
  };
  add(Flag::kText, "nothing");
  add(Flag::kFile, "default");
  add(Flag::kDirectory, "dirnames");
  const std::string behind = !commands_of(app).empty()
                                 ? "words=" + in_quotes(names_of_commands(app)) + " kind=words"
                             : arguments_of(app).empty() ? "kind=nothing"
                                                         : "kind=default";
  return text + "        *) " + behind + " flag=yes ;;\n      esac\n      ;;\n";
}

std::string bash(const CLI::App& program) {
  const std::string name = program.get_name();
  std::string text =
      "# Completes " + name + " in bash; made by: " + name + " --completion bash\n_" + name + R"(() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' flags='' words='' kind='' flag='' i
  # --flag=value comes as three words.
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $before == '=' ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  ((COMP_CWORD == 1)) || command=${COMP_WORDS[1]}
  for ((i = 1; i < COMP_CWORD; ++i)); do
    [[ ${COMP_WORDS[i]} != -- ]] || command=--
  done
  COMPREPLY=()
  case $command in
    --) kind=default ;;
)";
  for (const CLI::App* command : commands_of(program)) text += bash_case(*command, command->get_name());
  text += bash_case(program, "*");
  text += R"(  esac
  if [[ -n $flag && $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word")
  elif [[ $kind == words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  elif [[ $kind != nothing ]]; then
    compopt -o "$kind"
  fi
}
complete -F _)" +
          name + " " + name;
  return text;
}

std::string fish_values(const Flag& flag) {
  if (flag.takes == Flag::kNothing) return "";
  if (!flag.choices.empty()) return " -xa " + in_quotes(joined(flag.choices, " "));
  if (flag.takes == Flag::kText) return " -x";
  return flag.takes == Flag::kFile ? " -rF" : " -xa '(__fish_complete_directories)'";
}

std::string fish(const CLI::App& program) {
  const std::string name = program.get_name(), complete = "complete -c " + name;
  std::string text = "# Completes " + name + " in fish; made by: " + name + " --completion fish\n";
  // No files where nothing but a command or a flag can stand.
  const auto add = [&](const CLI::App& app, const std::string& when) {
    if (arguments_of(app).empty()) text += complete + when + " -f\n";
    for (const Flag& flag : flags_of(app)) {
      text += complete + when;
      for (const std::string& word : flag.names)
        text += word[1] == '-' ? " -l " + word.substr(2) : " -s " + word.substr(1);
      text += fish_values(flag) + " -d " + in_quotes(without(flag.help, "\\")) + "\n";
    }
  };
  add(program, commands_of(program).empty() ? "" : " -n __fish_use_subcommand");
  for (const CLI::App* command : commands_of(program)) {
    text += complete + " -n __fish_use_subcommand -a " + command->get_name() + " -d " +
            in_quotes(command->get_description()) + "\n";
    add(*command, " -n '__fish_seen_subcommand_from " + command->get_name() + "'");
  }
  text.pop_back();
  return text;
}

std::string zsh_action(const Flag& flag) {
  if (flag.takes == Flag::kNothing) return "";
  const std::string value = ":" + without(flag.value, ":") + ":";
  if (!flag.choices.empty()) return value + "(" + joined(flag.choices, " ") + ")";
  if (flag.takes == Flag::kText) return value + " ";
  return value + (flag.takes == Flag::kFile ? "_files" : "_files -/");
}

std::string zsh_arguments(const CLI::App& app) {
  std::string text = "_arguments -s";
  for (const Flag& flag : flags_of(app)) {
    for (const std::string& word : flag.names) {
      const bool equals = flag.takes != Flag::kNothing && word[1] == '-';
      text += " \\\n        " + in_quotes("(" + joined(flag.names, " ") + ")" + word + (equals ? "=" : "") +
                                          "[" + without(flag.help, "[]\\") + "]" + zsh_action(flag));
    }
  }
  for (const Flag& argument : arguments_of(app))
    text += " \\\n        " + in_quotes("*:" + argument.names.back() + ":_files");
  return text;
}

std::string zsh(const CLI::App& program) {
  const std::string name = program.get_name();
  std::string text = "#compdef " + name + "\n# Completes " + name + " in zsh; made by: " + name +
                     " --completion zsh\n_" + name + "() {\n";
  if (!commands_of(program).empty()) {
    text += "  local -a commands=(";
    for (const CLI::App* command : commands_of(program))
      text += "\n    " + in_quotes(command->get_name() + ":" + command->get_description());
    text +=
        "\n  )\n  if ((CURRENT == 2)) && [[ ${words[2]} != -* ]]; then\n    _describe command commands\n    "
        "return\n  fi\n";
  }
  text += "  case ${words[2]} in\n";
  for (const CLI::App* command : commands_of(program))
    text += "    " + command->get_name() + ")\n      shift words\n      ((CURRENT--))\n      " +
            zsh_arguments(*command) + "\n      ;;\n";
  text += "    *)\n      " + zsh_arguments(program) + "\n      ;;\n  esac\n}\n";
  // Found in fpath the file is the function's body; sourced, it registers itself.
  return text + "if [[ ${funcstack[1]} == _" + name + " ]]; then _" + name + " \"$@\"; else compdef _" +
         name + " " + name + "; fi";
}

}  // namespace

std::string completion_script(const CLI::App& program, const std::string& shell) {
  return shell == "bash" ? bash(program) : shell == "fish" ? fish(program) : zsh(program);
}

}  // namespace levit::tools
