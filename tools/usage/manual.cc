// A manual page in the macros of man(7): description, flags and the examples and exit codes of a footer.
#include <CLI/CLI.hpp>
#include <cctype>
#include <sstream>

#include "levit.h"
#include "tools/usage/usage.h"

namespace levit::tools {
namespace {

constexpr size_t kNone = std::string::npos;

// Text as roff prints it: a backslash as itself, a hyphen only between letters and else the minus sign of a
// flag, no line that begins as a request does.
std::string prose(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto letter = [&text](size_t at) {
      return at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0;
    };
    if (text[i] == '\\')
      out += "\\e";
    else if (text[i] == '-' && !(i > 0 && letter(i - 1) && letter(i + 1)))
      out += "\\-";
    else
      out += text[i];
  }
  return out.find_first_of(".'") == 0 ? "\\&" + out : out;
}

// The same for what is typed: every dash is a minus sign.
std::string literal(const std::string& text) {
  std::string out = prose(text);
  for (size_t at = 0; (at = out.find('-', at)) != kNone; at += 2)
    if (at == 0 || out[at - 1] != '\\') out.insert(at, "\\");
  return out;
}

std::string bold(const std::string& text) {
  return "\\fB" + literal(text) + "\\fR";
}

std::string italic(const std::string& text) {
  return "\\fI" + literal(text) + "\\fR";
}

// "levit classify"; with '-' between, the name of its page.
std::string full_name(const CLI::App& app, char between) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : parent->get_name() + between + app.get_name();
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// A description as the line of a list of pages has it.
std::string summary(std::string text) {
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0)
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

std::string item(const std::string& tag, const std::string& text) {
  return ".TP\n" + tag + "\n" + prose(text) + "\n";
}

std::string flag_item(const CLI::App& app, const Flag& flag) {
  std::string tag;
  for (const std::string& name : flag.names)
    tag += (tag.empty() ? "" : ", ") + (name[0] == '-' ? bold(name) : italic(name));
  if (!flag.value.empty() && flag.names[0][0] == '-') tag += " " + italic(flag.value);
  const CLI::Option& option = *app.get_option(flag.names.back());
  std::string text = flag.help;
  if (!flag.choices.empty()) text += "; one of " + joined(flag.choices, ", ");
  if (!option.get_default_str().empty() && flag.help.find("default") == kNone)
    text += " (default " + option.get_default_str() + ")";
  if (option.get_required()) text += " (required)";
  return item(tag, text);
}

// The lines of a footer by what they are.
struct Footer {
  std::vector<std::string> text, examples, codes;
};

Footer read_footer(const std::string& footer) {
  Footer read;
  std::istringstream lines(footer);
  bool example = false;
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    const std::string word = line.substr(0, colon == kNone ? 0 : colon);
    const auto from = [&line](size_t at) {
      return line.substr(std::min(line.size(), line.find_first_not_of(' ', at)));
    };
    example = word == "Example" || word == "Examples" || (example && line[0] == ' ');
    if (word == "Exit codes")
      read.codes = CLI::detail::split(from(colon + 1), ';');
    else if (!example)
      read.text.push_back(line);
    else if (line[0] == ' ' || line.size() > colon + 1)
      read.examples.push_back(from(line[0] == ' ' ? 0 : colon + 1));
  }
  return read;
}

std::string synopsis(const CLI::App& app) {
  std::string text = bold(full_name(app, ' ')) + " [" + italic("OPTION") + "]...";
  if (!commands_of(app).empty()) text += " " + italic("COMMAND");
  for (const Flag& argument : arguments_of(app)) {
    const CLI::Option& option = *app.get_option(argument.names.back());
    const std::string name = italic(argument.names.back()) + (option.get_expected_max() > 1 ? "..." : "");
    text += option.get_required() ? " " + name : " [" + name + "]";
  }
  return text + "\n";
}

std::string exit_status(const Footer& footer) {
  std::string text;
  for (std::string code : footer.codes) {
    code.erase(0, code.find_first_not_of(' '));
    if (code.back() == '.') code.pop_back();
    const size_t end = code.find(' ');
    text += item(bold(code.substr(0, end)), code.substr(end + 1));
  }
  return text.empty() ? "" : ".SH EXIT STATUS\n" + text;
}

std::string see_also(const CLI::App& app) {
  const CLI::App* const parent = app.get_parent();
  std::vector<std::string> pages;
  if (parent != nullptr) pages.push_back(bold(parent->get_name()) + "(1)");
  for (const CLI::App* command : commands_of(parent != nullptr ? *parent : app))
    if (command != &app) pages.push_back(bold(full_name(*command, '-')) + "(1)");
  pages.push_back(bold(app.get_name() == "pack_weights" ? "levit" : "pack_weights") + "(1)");
  return ".SH SEE ALSO\n" + joined(pages, ", ") + "\n";
}

}  // namespace

std::string manual_page(const CLI::App& app) {
  const Footer footer = read_footer(app.get_footer());
  const std::string name = full_name(app, '-'), version = levit_version();
  std::string page = ".TH " + upper(literal(name)) + " 1 " + LEVIT_RELEASE_DATE + " \"levit " + version +
                     "\" \"LeViT from scratch\"\n";
  page += ".SH NAME\n" + literal(name) + " \\- " + prose(summary(app.get_description())) + "\n";
  page += ".SH SYNOPSIS\n" + synopsis(app);
  page += ".SH DESCRIPTION\n" +
          prose(app.get_description() + (app.get_description().back() == '.' ? "" : ".")) + "\n";
  for (const std::string& line : footer.text) page += ".PP\n" + prose(line) + "\n";
  for (const Flag& argument : arguments_of(app)) page += flag_item(app, argument);
  if (!commands_of(app).empty()) page += ".SH COMMANDS\n";
  for (const CLI::App* command : commands_of(app))
    page += item(bold(command->get_name()),
                 command->get_description() + "; see " + full_name(*command, '-') + "(1)");
  page += ".SH OPTIONS\n";
  for (const Flag& flag : flags_of(app)) page += flag_item(app, flag);
  if (!footer.examples.empty()) page += ".SH EXAMPLES\n.nf\n";
  for (const std::string& line : footer.examples) page += literal(line) + "\n";
  if (!footer.examples.empty()) page += ".fi\n";
  page += exit_status(app.get_parent() != nullptr ? read_footer(app.get_parent()->get_footer()) : footer);
  page += see_also(app);
  page.pop_back();  // whoever prints it ends the line
  return page;
}

}  // namespace levit::tools
