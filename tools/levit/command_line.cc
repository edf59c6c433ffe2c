#include "tools/levit/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/common/output.h"
#include "tools/levit/bench.h"
#include "tools/levit/classify.h"
#include "tools/levit/command.h"
#include "tools/levit/explain.h"
#include "tools/levit/info.h"

namespace levit::tools {
namespace {

// A command of the program; run() gives the exit code and is called after parsing.
struct Command {
  CLI::App* app;
  std::function<int()> run;
};

// Flags of several commands. What they fill must outlive the parsing; without the flag it keeps its value.

void add_paths(CLI::App& command, std::vector<std::string>& paths, bool& zero_separated) {
  command
      .add_option(
          "paths", paths,
          "Pictures, directories, .npy tensors; @FILE or - (standard input) for a list of them, one per line")
      ->type_name("PATH")
      ->required();
  command.add_flag("-0,--null", zero_separated,
                   "Paths in lists end in a zero byte, as find -print0 writes them");
}

void add_model_flag(CLI::App& command, std::string& path) {
  command.add_option("--model", path, "Weight file; else $LEVIT_MODEL, else the default model")
      ->type_name("FILE");
}

void add_threads_flag(CLI::App& command, size_t& threads) {
  command.add_option("--threads", threads, "Threads to use; 0: as many as the machine has")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
}

void add_batch_flag(CLI::App& command, size_t& batch) {
  command.add_option("--batch", batch, "Pictures that go through the network together")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
}

std::string target_list() {
  std::string list;
  for (size_t i = 0; levit_target_name(i) != nullptr; ++i)
    list += (i == 0 ? "" : ", ") + std::string(levit_target_name(i));
  return list;
}

void add_target_flag(CLI::App& command, std::string& target) {
  command
      .add_option("--target", target, "Instruction set: one of " + target_list() + "; else the first of them")
      ->type_name("NAME");
}

void add_resize_flag(CLI::App& command, std::string& resize) {
  command
      .add_option(
          "--resize", resize,
          "squash: to 224x224; timm: shorter side to 248, centre crop; hf: shorter side to 256, centre crop; "
          "else as the weight file says")
      ->type_name("MODE")
      ->check(CLI::IsMember(
          {resize_name(LEVIT_RESIZE_SQUASH), resize_name(LEVIT_RESIZE_TIMM), resize_name(LEVIT_RESIZE_HF)}));
}

void add_ignore_orientation_flag(CLI::App& command, bool& ignore) {
  command.add_flag("--ignore-orientation", ignore, "Take pixels as stored, not turned upright as EXIF says");
}

Command add_classify(CLI::App& program) {
  CLI::App* app = program.add_subcommand("classify", "Say of pictures whether they are AI-generated");
  auto arguments = std::make_shared<ClassifyArguments>();
  add_paths(*app, arguments->paths, arguments->zero_separated);
  CLI::Option* json = app->add_flag("--json", arguments->json, "One JSON object per picture and line");
  app->add_flag("--csv", arguments->csv, "CSV (RFC 4180)")->excludes(json);
  app->add_option("--unsure", arguments->unsure,
                  "Band of the first class's probability where the verdict is unsure (more than two classes: "
                  "unsure when no "
                  "probability is above HIGH)")
      ->type_name("LOW..HIGH")
      ->capture_default_str()
      ->check([](const std::string& text) {
        try {
          parse_band(text);
        } catch (const std::runtime_error& error) {
          return std::string(error.what());
        }
        return std::string();
      });
  add_resize_flag(*app, arguments->resize);
  add_ignore_orientation_flag(*app, arguments->ignore_orientation);
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_batch_flag(*app, arguments->batch);
  add_target_flag(*app, arguments->target);
  app->add_flag("--times", arguments->times,
                "Also say how the time divides between decoding, resizing and the network");
  app->add_flag("--quiet", arguments->quiet, "No summary");
  app->footer(
      "Examples: levit classify photo.jpg\n"
      "          levit classify --csv downloads/ > verdicts.csv\n"
      "          find . -name '*.jpg' -print0 | levit classify --json -0 -");
  return {app, [arguments] { return run_classify(*arguments); }};
}

Command add_explain(CLI::App& program) {
  CLI::App* app = program.add_subcommand("explain", "Show which parts of pictures speak for a verdict");
  auto arguments = std::make_shared<ExplainArguments>();
  add_paths(*app, arguments->paths, arguments->zero_separated);
  app->add_option("-o,--output", arguments->output,
                  "Directory for sheets, maps and index.html; else ./explained")
      ->type_name("DIR");
  app->add_option(
         "--method", arguments->methods,
         "Comma list of gradcam, gradcam++, hirescam, layercam, xgradcam, shap, ig (integrated gradients), "
         "gradient")
      ->type_name("NAME")
      ->capture_default_str();
  app->add_option("--layer", arguments->layers,
                  "Where class activation maps are taken: stem, stage0, stage1 or stage2; a comma list or "
                  "mean (all) is averaged; --faithfulness also measures each")
      ->type_name("NAME")
      ->capture_default_str();
  app->add_option("--class", arguments->label, "Label to explain; else the most likely")->type_name("LABEL");
  app->add_option("--samples", arguments->samples,
                  "SHAP: samples per picture; the error falls with their square root")
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--seed", arguments->seed, "SHAP: seed of the samples, as shap's rseed; and of random maps")
      ->type_name("S")
      ->capture_default_str();
  app->add_option("--background", arguments->background,
                  "SHAP: pictures to compare with; else a blurred copy of the picture and mean grey")
      ->type_name("DIR|FILE");
  app->add_option("--steps", arguments->steps, "Integrated gradients: steps from mean grey")
      ->type_name("N")
      ->capture_default_str();
  app->add_flag("--raw", arguments->raw, "Also write the signed maps and attributions as float32 .npy");
  app->add_flag("--json", arguments->json,
                "Numbers as JSON on standard output, one object per picture and line");
  app->add_flag(
      "--faithfulness", arguments->faithfulness,
      "Measure over all pictures whether the maps are better than random ones, and how much heat lies on "
      "edges");
  app->add_option("--random-maps", arguments->controls, "Faithfulness: random maps per picture")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  add_resize_flag(*app, arguments->resize);
  add_ignore_orientation_flag(*app, arguments->ignore_orientation);
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_target_flag(*app, arguments->target);
  app->add_flag("--quiet", arguments->quiet, "No summary");
  app->footer(
      "Examples: levit explain photo.jpg -o explained\n"
      "          levit explain downloads/ -o explained --method gradcam++ --layer stage0,stage1 --class ai\n"
      "          levit explain photo.jpg --method shap --samples 1000 --background photos/ --raw\n"
      "          levit explain --faithfulness pictures/ -o measured");
  return {app, [arguments] { return run_explain(*arguments); }};
}

Command add_info(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("info", "What is in a weight file, and what it takes to run it here");
  auto arguments = std::make_shared<InfoArguments>();
  CLI::Option* path =
      app->add_option("file", arguments->path, "Weight file; else as --model says")->type_name("FILE");
  add_model_flag(*app, arguments->model);
  app->get_option("--model")->excludes(path);
  app->add_flag("--json", arguments->json, "One JSON object");
  app->footer("Example: levit info model.levit");
  return {app, [arguments] { return run_info(*arguments); }};
}

Command add_bench(CLI::App& program) {
  CLI::App* app = program.add_subcommand("bench", "How fast the network runs here");
  auto arguments = std::make_shared<BenchArguments>();
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_batch_flag(*app, arguments->batch);
  app->add_option("--seconds", arguments->seconds, "How long to measure")
      ->type_name("S")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0));
  add_target_flag(*app, arguments->target);
  app->add_flag("--gradient", arguments->gradient,
                "Forward pass and the gradient with respect to the picture");
  app->add_flag("--layers", arguments->layers, "Also each layer");
  app->add_flag("--json", arguments->json, "One JSON object");
  app->footer("Example: levit bench --threads 2 --layers");
  return {app, [arguments] { return run_bench(*arguments); }};
}

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
std::string unknown_command(const std::vector<Command>& commands, const std::string& word) {
  std::string nearest;
  size_t distance = 4;  // farther words are no slip of the fingers
  for (const Command& command : commands) {
    const size_t edits = edit_distance(word, command.app->get_name());
    if (edits < distance) nearest = command.app->get_name();
    distance = std::min(distance, edits);
  }
  return "no command \"" + word + "\"; " +
         (nearest.empty() ? "levit --help lists them" : "did you mean \"" + nearest + "\"?");
}

}  // namespace

int run_command_line(int count, char** arguments) {
  CLI::App program("Tells AI-generated pictures from photographs, and shows why.", "levit");
  program.footer(
      "Example: levit classify holiday.jpg downloads/\nExit codes: 0 done; 1 an input failed; 2 wrong usage; "
      "130 stopped by Ctrl-C.");
  program.set_version_flag("--version", std::string("levit ") + levit_version());
  program.require_subcommand(0, 1);
  const std::vector<Command> commands = {add_classify(program), add_explain(program), add_info(program),
                                         add_bench(program)};

  const std::string word = count > 1 && arguments[1][0] != '-' ? arguments[1] : "";
  const auto named = [&word](const Command& command) { return command.app->get_name() == word; };
  const auto command = std::find_if(commands.begin(), commands.end(), named);
  if (!word.empty() && command == commands.end()) {
    complain(unknown_command(commands, word));
    return kUsageExit;
  }
  try {
    program.parse(count, arguments);
  } catch (const CLI::Success& asked) {  // --help, --version
    return program.exit(asked);
  } catch (const CLI::ParseError& error) {
    complain(std::string(error.what()) + " (see levit " + word + (word.empty() ? "" : " ") + "--help)");
    return kUsageExit;
  }
  if (command != commands.end()) return command->run();
  std::fputs(program.help().c_str(), stderr);
  return kUsageExit;
}

}  // namespace levit::tools
