// Flags that several commands have, each defined once with its help.
#include "tools/levit/commands.h"

#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>

#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"

namespace levit::tools {
namespace {

CLI::Validator number_check(const std::string& description, const std::string& which,
                            const std::function<bool(double)>& fits) {
  return CLI::Validator(
      [which, fits](const std::string& text) {
        char* end = nullptr;
        const double number = std::strtod(text.c_str(), &end);
        const bool whole = !text.empty() && *end == '\0';
        return whole && std::isfinite(number) && fits(number) ? "" : text + " is no number " + which;
      },
      description);
}

std::string shown(double bound) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", bound);
  return text;
}

}  // namespace

CLI::Validator number_between(double low, double high) {
  return number_check("FLOAT in [" + shown(low) + " - " + shown(high) + "]",
                      "from " + shown(low) + " to " + shown(high),
                      [low, high](double number) { return low <= number && number <= high; });
}

CLI::Validator number_above_zero() {
  return number_check("POSITIVE", "above 0", [](double number) { return number > 0; });
}

CLI::Validator number_from_zero() {
  return number_check("NONNEGATIVE", "from 0 on", [](double number) { return number >= 0; });
}

void add_paths(CLI::App& command, std::vector<std::string>& paths, bool& zero_separated) {
  command
      .add_option("paths", paths,
                  "Pictures, directories, .npy tensors; @FILE or - (standard input) for a list of them, one "
                  "per line; "
                  "- also for a picture on standard input, which is taken when no path is given; -- in front "
                  "of paths "
                  "that begin with a dash. Pipes and devices are read when named and skipped in directories")
      ->type_name("PATH");
  command.parse_complete_callback([&command, &paths] {
    if (!paths.empty() || command.remaining_size() > 0) return;
    struct stat status {};
    const bool given =
        fstat(STDIN_FILENO, &status) == 0 && !S_ISCHR(status.st_mode) && !S_ISDIR(status.st_mode);
    if (!given) throw UsageError("name a picture, a directory or a list of them");
    paths = {"-"};
  });
  command.add_flag("-0,--null", zero_separated,
                   "Paths in lists end in a zero byte, as find -print0 writes them");
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

void add_max_megapixels_flag(CLI::App& command, size_t& largest_area) {
  constexpr size_t kMegapixel = 1'000'000;
  command
      .add_option_function<size_t>(
          "--max-megapixels", [&largest_area](size_t megapixels) { largest_area = megapixels * kMegapixel; },
          "Refuse larger pictures, which take long; no side over 65535 is read")
      ->type_name("N")
      ->default_str(std::to_string(largest_area / kMegapixel))
      ->check(CLI::Range(1, 4294));
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

void add_target_flag(CLI::App& command, std::string& target) {
  command
      .add_option("--target", target,
                  "Instruction set, of those that levit info lists for this machine; else the best")
      ->type_name("NAME")
      ->check([](const std::string& text) {
        std::string known;
        for (size_t i = 0; const char* const name = levit_target_name(i); ++i) {
          if (strcasecmp(name, text.c_str()) == 0) return std::string();
          known += (i == 0 ? "" : ", ") + std::string(name);
        }
        return "\"" + text + "\" does not run here; there are " + known;
      });
}

levit_resize chosen_resize(const std::string& flag, levit_resize stored) {
  for (const levit_resize resize : {LEVIT_RESIZE_SQUASH, LEVIT_RESIZE_TIMM, LEVIT_RESIZE_HF})
    if (flag == resize_name(resize)) return resize;
  return stored;
}

const char* resize_name(levit_resize resize) {
  constexpr const char* kNames[] = {"squash", "timm", "hf"};  // by levit_resize
  return kNames[resize];
}

int report_stop(size_t inputs_left) {
  complain("stopped; " + counted(inputs_left, "input") + (inputs_left == 1 ? " is left" : " are left"));
  return kInterruptedExit;
}

}  // namespace levit::tools
