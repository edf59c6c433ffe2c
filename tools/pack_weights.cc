// pack_weights: from a trained checkpoint to the one file that the library runs.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <stdexcept>

#include "levit.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/message.h"
#include "tools/checkpoint/writer.h"
#include "tools/common/atomic_file.h"
#include "tools/common/mapped_file.h"
#include "tools/common/output.h"

namespace {

using namespace levit;
using namespace levit::tools;

constexpr char kProgram[] = "pack_weights";
constexpr int kFailedExit = 1, kUsageExit = 2;

struct Options {
  std::string input, output, name, note;
  std::vector<std::string> labels;
  std::string dtype = "f16", resize = "squash";
  float temperature = 1;
  ReadOptions read;

  bool half() const { return dtype == "f16"; }
};

const std::map<std::string, weights::Resize> kResizes = {
    {"squash", weights::Resize::kSquash}, {"timm", weights::Resize::kTimm}, {"hf", weights::Resize::kHf}};

// An error's text, empty for a number that divides logits to some use.
std::string check_temperature(const std::string& text) {
  char* end = nullptr;
  const float value = std::strtof(text.c_str(), &end);
  return *end == '\0' && value >= 1e-3f && value <= 1e3f ? "" : text + " is not a number from 0.001 to 1000";
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("CHECKPOINT", options.input,
                 "safetensors or PyTorch file: timm, original LeViT, Hugging Face")
      ->required();
  app.add_option("-o,--output", options.output, "the .levit file to write")->required()->type_name("FILE");
  app.add_option("--dtype", options.dtype, "f16 (default) or f32")
      ->check(CLI::IsMember({"f16", "f32"}).description(""))
      ->type_name("TYPE");
  app.add_option("--labels", options.labels, "one per class, in their order (default class0,class1,...)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("A,B,..");
  app.add_option("--name", options.name, "of the model (default: its variant)");
  app.add_option("--note", options.note, "what it was trained on");
  app.add_option("--resize", options.resize, "how pictures come to 224x224: squash (default), timm or hf")
      ->check(CLI::IsMember({"squash", "timm", "hf"}).description(""))
      ->type_name("MODE");
  app.add_option("--key", options.read.key, "which of several networks: the dict or prefix where it lies")
      ->type_name("KEY");
  app.add_option("--head", options.read.head.key, "which module is the classifier, if several could be")
      ->type_name("KEY");
  app.add_flag("--no-head", options.read.head.none, "take no classifier: a base for levit finetune")
      ->excludes("--head");
  app.add_option("--temperature", options.temperature, "divides the logits (default 1)")
      ->check(check_temperature)
      ->type_name("T");
  app.footer(
      "Example: pack_weights model_best.pth.tar -o cats.levit --labels cat,dog\n"
      "Exit codes: 0 done; 1 a file could not be read, understood or written; 2 wrong usage.");
}

std::string variant_of(const FoldedModel& model) {
  const char* variant = weights::variant_name(model.config);
  return variant != nullptr ? variant : "levit";
}

void describe_model(const Options& options, FoldedModel* model) {
  if (!options.labels.empty()) {
    if (options.labels.size() != model->config.classes) {
      throw std::runtime_error("it has " + std::to_string(model->config.classes) +
                               " classes, --labels names " + std::to_string(options.labels.size()));
    }
    model->labels = options.labels;
  }
  model->name = options.name.empty() ? variant_of(*model) : options.name;
  model->note = options.note;
  model->preprocessing.resize = kResizes.at(options.resize);
  model->temperature = options.temperature;
}

std::string joined(const std::vector<std::string>& words, size_t most) {
  std::string text;
  for (size_t i = 0; i < words.size() && i < most; ++i) text += (i == 0 ? "" : ", ") + printable(words[i]);
  return words.size() > most ? text + ", ..." : text;
}

size_t parameters(const FoldedModel& model) {
  size_t count = 0;
  for (const FoldedLayer& layer : model.layers)
    count += layer.weight.size() + layer.bias.size() + layer.table.size();
  return count;
}

std::string row(const char* key, const std::string& value) {
  char padded[32];
  std::snprintf(padded, sizeof padded, "%-12s", key);
  return padded + value + "\n";
}

std::string source_text(const Checkpoint& checkpoint) {
  std::string text = checkpoint.container + ", names of " + checkpoint.layout;
  if (!checkpoint.place.empty()) text += ", below " + printable(checkpoint.place);
  return text + ", " + std::to_string(checkpoint.tensors.size()) + " tensors";
}

std::string rounding_text(const WriteReport& report) {
  char text[160];
  std::snprintf(text, sizeof text, "largest rounding error %.2g of the layer's largest weight, in %s",
                report.largest_rounding_error, report.worst_layer.c_str());
  return text + ("; " + std::to_string(report.out_of_range)) + " values out of range, " +
         std::to_string(report.subnormal) + " below its normal range";
}

std::string report_text(const Options& options, const Checkpoint& checkpoint, const FoldedModel& model,
                        const WriteReport& report, size_t bytes_read, size_t bytes_written) {
  const std::string classes = std::to_string(model.config.classes);
  std::string text = row("source", source_text(checkpoint));
  if (!checkpoint.ignored.empty()) {
    text += row("ignored", std::to_string(checkpoint.ignored.size()) +
                               " beside the network: " + joined(checkpoint.ignored, 8));
  }
  text += row("network",
              variant_of(model) + ", " + std::to_string(parameters(model)) + " parameters after folding");
  text += row("classes", classes + ": " + joined(model.labels, 8));
  if (options.half()) text += row("fp16", rounding_text(report));
  return text + row("written", options.output + ", " + (options.half() ? "fp16, " : "fp32, ") +
                                   std::to_string(bytes_written) + " bytes (from " +
                                   std::to_string(bytes_read) + ")");
}

// Calls step(), which throws causes; their message gets the file's name.
template <typename Step>
auto naming(const std::string& path, Step step) {
  try {
    return step();
  } catch (const std::exception& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

void pack(const Options& options) {
  std::string report;
  std::vector<uint8_t> image;
  naming(options.input, [&] {
    const MappedFile file(options.input);
    if (same_file(options.input, options.output)) throw std::runtime_error("the output would overwrite it");
    const Checkpoint checkpoint = read_checkpoint(file.bytes(), options.read);
    FoldedModel model = fold(checkpoint);
    describe_model(options, &model);
    WriteReport written;
    image = write_levit(model, options.half(), &written);
    report = report_text(options, checkpoint, model, written, file.bytes().size(), image.size());
  });
  naming(options.output, [&] { write_atomically(options.output, image); });
  print(report);
}

int run(int count, char** arguments) {
  CLI::App app(
      "Packs a trained LeViT into one .levit file: batch norms folded, both heads merged, fp16 or fp32.",
      kProgram);
  Options options;
  add_options(app, options);
  app.set_version_flag("--version", std::string(kProgram) + " " + levit_version());
  try {
    app.parse(count, arguments);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    complain(std::string(error.what()) + " (see pack_weights --help)", kProgram);
    return kUsageExit;
  }
  pack(options);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    complain(error.what(), kProgram);
    return kFailedExit;
  }
}
