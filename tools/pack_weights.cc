// pack_weights: from a trained checkpoint to the one file that the library runs.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "levit.h"
#include "tools/checkpoint/c_source.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/fold.h"
#include "tools/checkpoint/labels.h"
#include "tools/checkpoint/levit_file.h"
#include "tools/checkpoint/message.h"
#include "tools/checkpoint/writer.h"
#include "tools/common/atomic_file.h"
#include "tools/common/mapped_file.h"
#include "tools/common/output.h"
#include "tools/usage/usage.h"

namespace {

using namespace levit;
using namespace levit::tools;

constexpr char kProgram[] = "pack_weights";
constexpr int kFailedExit = 1, kUsageExit = 2;

struct Options {
  std::string input, output, emit_c, name, note, labels, labels_file, resize, mean, std;
  std::string dtype = "f16";
  float temperature = 1;
  ReadOptions read;
  bool as_it_is = true;  // no option but --emit-c

  weights::Type type() const {
    return dtype == "q8"    ? weights::Type::kInt8
           : dtype == "f16" ? weights::Type::kHalf
                            : weights::Type::kFloat;
  }
};

struct ResizeMode {
  const char *name, *meaning;
  weights::Resize resize;
};
constexpr ResizeMode kResizes[] = {
    {"squash", "to 224x224, bilinear", weights::Resize::kSquash},
    {"timm", "shorter side to 248, bicubic, centre 224", weights::Resize::kTimm},
    {"hf", "shorter side to 256, bicubic, centre 224", weights::Resize::kHf}};

// An error's text, empty for a number that divides logits to some use.
std::string check_temperature(const std::string& text) {
  char* end = nullptr;
  const float value = std::strtof(text.c_str(), &end);
  return *end == '\0' && value >= 1e-3f && value <= 1e3f ? "" : text + " is not a number from 0.001 to 1000";
}

// One number, or three for R, G and B, of a picture in [0, 1], none below `least`. An error's text, else
// empty.
std::string parse_channels(const std::string& text, float least, float (&values)[3]) {
  const char* at = text.c_str();
  int count = 0;
  for (char* end = nullptr;; at = end + 1) {
    values[count++] = std::strtof(at, &end);
    if (end == at || (*end != '\0' && (*end != ',' || count == 3)) || (*end == '\0' && count == 2))
      return text + " is neither one number nor three with commas between";
    if (*end == '\0') break;
  }
  if (count == 1) values[1] = values[2] = values[0];
  for (const float value : values)
    if (value > 2) return text + " is not of pictures in [0, 1]; divide by 255";
  for (const float value : values)
    if (!(value >= least)) return text + " is too small or no number";
  return "";
}

constexpr float kLeastMean = -1, kLeastStd = 1e-3f;

// The check of such a flag, for CLI11.
auto channels_from(float least) {
  return [least](const std::string& text) {
    float values[3];
    return parse_channels(text, least, values);
  };
}

constexpr char kFooter[] =
    "Examples:\n"
    "  pack_weights model_best.pth.tar -o cats.levit --labels cat,dog\n"
    "  pack_weights model.safetensors -o imagenet.levit --labels-file config.json\n"
    "  pack_weights last.ckpt -o ai.levit --key ema --head classifier --mean 0.5 --std 0.5\n"
    "  pack_weights encoder.pth -o base.levit --no-head\n"
    "  pack_weights cats.levit --emit-c cats.c\n"
    "A model of one output is the logit of a sigmoid: its labels are the negative side and the positive "
    "one.\n"
    "Exit codes: 0 done; 1 a file could not be read, understood or written; 2 wrong usage.";

void add_options(CLI::App& app, Options& options) {
  app.add_option(
         "CHECKPOINT", options.input,
         "safetensors or PyTorch file (timm, original LeViT, Hugging Face), or a .levit to pack again")
      ->required();
  app.add_option("-o,--output", options.output, "the .levit file to write")->type_name("FILE");
  app.add_option("--emit-c", options.emit_c,
                 "write the file as C source as well, or alone, for builds that link the model like code")
      ->type_name("FILE");
  // As reports call them.
  const std::vector<std::pair<std::string, std::string>> other_types = {
      {"fp16", "f16"}, {"fp32", "f32"}, {"int8", "q8"}};
  app.add_option("--dtype", options.dtype,
                 "f16 (default), f32, or q8: 8-bit integers with a scale per output, half of f16's size")
      ->transform(CLI::Transformer(other_types).description(""))
      ->check(CLI::IsMember({"f16", "f32", "q8"}))
      ->type_name("TYPE");
  CLI::Option* labels =
      app.add_option("--labels", options.labels,
                     "one per class, in their order; \"a, b\" holds a comma (default class0,class1,...)")
          ->type_name("A,B,..");
  app.add_option("--labels-file", options.labels_file,
                 "the same from a file: a label a line, a JSON list or object, a Hugging Face config.json")
      ->excludes(labels)
      ->type_name("FILE");
  app.add_option("--name", options.name, "of the model (default: its variant)");
  app.add_option("--note", options.note, "what it was trained on");
  app.add_option("--key", options.read.key, "which of several networks: the dict or prefix where it lies")
      ->type_name("KEY");
  CLI::Option* head =
      app.add_option("--head", options.read.head.key,
                     "which module is the classifier, if several could be; A,B for the mean of two")
          ->type_name("KEY");
  app.add_flag("--no-head", options.read.head.none, "take no classifier: a base for levit finetune")
      ->excludes(head);
  app.add_option(
         "--resize", options.resize,
         "how pictures come to 224x224: squash, timm or hf (default squash; of the published 1000-class "
         "models timm or hf, as their family evaluates them)")
      ->check(CLI::IsMember({"squash", "timm", "hf"}))
      ->type_name("MODE");
  app.add_option("--mean", options.mean, "of the training's Normalize (default 0.485,0.456,0.406)")
      ->check(channels_from(kLeastMean))
      ->type_name("R,G,B");
  app.add_option("--std", options.std, "of the same (default 0.229,0.224,0.225)")
      ->check(channels_from(kLeastStd))
      ->type_name("R,G,B");
  app.add_option("--temperature", options.temperature, "divides the logits (default 1)")
      ->check(check_temperature)
      ->type_name("T");
  app.footer(kFooter);
}

std::string variant_of(const FoldedModel& model) {
  const char* variant = weights::variant_name(model.config);
  return variant != nullptr ? variant : "levit";
}

void set_labels(const Options& options, FoldedModel* model) {
  if (options.labels.empty() && options.labels_file.empty()) return;
  const bool from_file = !options.labels_file.empty();
  std::vector<std::string> labels;
  if (from_file) {
    try {
      labels = parse_labels(MappedFile(options.labels_file).bytes());
    } catch (const std::exception& error) {
      throw std::runtime_error("labels of " + options.labels_file + ": " + error.what());
    }
  } else {
    labels = split_labels(options.labels);
  }
  const size_t needed = label_count(*model);
  if (labels.size() != needed) {
    const std::string has = model->no_head     ? "no classifier"
                            : model->one_logit ? "one logit, which takes two labels (negative and positive)"
                                               : std::to_string(model->config.classes) + " classes";
    throw std::runtime_error("it has " + has + ", " + (from_file ? options.labels_file : "--labels") +
                             " names " + std::to_string(labels.size()));
  }
  model->labels = std::move(labels);
}

// The published models are evaluated as their family does it; of others nothing is known.
weights::Resize family_resize(const Checkpoint& checkpoint) {
  const weights::Config& config = checkpoint.configuration.config;
  if (config.classes != 1000 || weights::variant_name(config) == nullptr) return weights::Resize::kSquash;
  return checkpoint.family == Family::kTimm ? weights::Resize::kTimm : weights::Resize::kHf;
}

void describe_model(const Options& options, const Checkpoint& checkpoint, FoldedModel* model) {
  set_labels(options, model);
  model->name = options.name.empty() ? variant_of(*model) : options.name;
  model->note = options.note;
  model->preprocessing.resize = family_resize(checkpoint);
  for (const ResizeMode& mode : kResizes) {
    if (options.resize == mode.name) model->preprocessing.resize = mode.resize;
  }
  if (checkpoint.normalisation) {
    std::copy_n(checkpoint.normalisation->mean, 3, model->preprocessing.mean);
    std::copy_n(checkpoint.normalisation->std, 3, model->preprocessing.std);
  }
  if (!options.mean.empty()) parse_channels(options.mean, kLeastMean, model->preprocessing.mean);
  if (!options.std.empty()) parse_channels(options.std, kLeastStd, model->preprocessing.std);
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

std::string int8_text(const FoldedModel& model, const WriteReport& report) {
  char text[160];
  std::snprintf(text, sizeof text,
                "%zu of %zu layers, the others fp16; largest error of a layer's weights %.2g %%",
                report.int8_layers, model.layers.size(), 100 * report.largest_int8_error);
  return text + (report.worst_int8_layer.empty() ? "" : ", in " + report.worst_int8_layer);
}

std::string classes_text(const FoldedModel& model, bool named) {
  if (model.no_head) return "none: a base for levit finetune, which nothing classifies with";
  std::string text = std::to_string(model.config.classes) + ": " + joined(model.labels, 8);
  if (model.one_logit)
    text = "one logit: its sigmoid is the probability of " + printable(model.labels[1]) +
           ", the rest that of " + printable(model.labels[0]);
  return named ? text : text + " (--labels or --labels-file names them)";
}

std::string head_text(const Checkpoint& checkpoint) {
  std::string text;
  for (const LinearHead& map : checkpoint.head.maps) {
    text += (text.empty() ? "" : ", and ") + printable(map.linear);
    if (!map.front.empty()) text += " behind the batch norm " + printable(map.front);
    if (!map.behind.empty()) text += " in front of the batch norm " + printable(map.behind);
  }
  if (checkpoint.head.maps.size() == 2) text += ": the mean of both";
  if (text.empty()) text = "none";
  if (!checkpoint.head.left.empty()) {
    text += "; left out: " + joined(checkpoint.head.left, 8) + " (--head KEY takes another)";
  }
  return text;
}

std::string channels_text(const float (&values)[3]) {
  char text[80];
  std::snprintf(text, sizeof text, "%.4g,%.4g,%.4g", static_cast<double>(values[0]),
                static_cast<double>(values[1]), static_cast<double>(values[2]));
  return text;
}

std::string pictures_text(const Options& options, const Checkpoint& checkpoint, const FoldedModel& model) {
  const weights::Preprocessing& to = model.preprocessing;
  const ResizeMode& mode = kResizes[static_cast<size_t>(to.resize)];
  const bool published = family_resize(checkpoint) != weights::Resize::kSquash;
  const std::string why = !options.resize.empty() ? "as told"
                          : published             ? "as " + std::string(family_name(checkpoint.family)) +
                                            " evaluates the published 1000-class models"
                                      : "the default; --resize if training had another";
  const auto& own = checkpoint.normalisation;
  const std::string mean = !options.mean.empty() ? "as told"
                           : own                 ? "the model's own " + printable(own->mean_name)
                                                 : "ImageNet's, the default";
  const std::string std = !options.std.empty() ? "as told" : own ? printable(own->std_name) : "the same";
  return std::string(mode.name) + ", " + mode.meaning + " (" + why + "); mean " + channels_text(to.mean) +
         " (" + mean + "), std " + channels_text(to.std) + " (" + std + ")";
}

// Where the model goes, its C source, or both.
std::string written_to(const Options& options) {
  const bool both = !options.output.empty() && !options.emit_c.empty();
  return options.output + (both ? " and " : "") + options.emit_c;
}

// Of two files that need not be there yet.
bool same_place(const std::string& a, const std::string& b) {
  std::error_code error;
  return !a.empty() && !b.empty() &&
         (same_file(a, b) ||
          std::filesystem::weakly_canonical(a, error) == std::filesystem::weakly_canonical(b, error));
}

const char* type_text(const Options& options) {
  return options.dtype == "q8" ? "int8" : options.dtype == "f16" ? "fp16" : "fp32";
}

std::string written_text(const Options& options, size_t bytes_written, size_t bytes_read) {
  return row("written", written_to(options) + ", " + type_text(options) + ", " +
                            std::to_string(bytes_written) + " bytes (from " + std::to_string(bytes_read) +
                            ")");
}

std::string report_text(const Options& options, const Checkpoint& checkpoint, const FoldedModel& model,
                        const WriteReport& report, size_t bytes_read, size_t bytes_written) {
  std::string text = row("source", source_text(checkpoint));
  if (!checkpoint.ignored.empty()) {
    text += row("ignored", std::to_string(checkpoint.ignored.size()) +
                               " beside the network: " + joined(checkpoint.ignored, 8));
  }
  if (!checkpoint.other_networks.empty()) {
    text += row("not taken",
                "another LeViT, below " + joined(checkpoint.other_networks, 8) + " (--key KEY takes it)");
  }
  text += row("network",
              variant_of(model) + ", " + std::to_string(parameters(model)) + " parameters after folding");
  text += row("head", head_text(checkpoint));
  text += row("classes", classes_text(model, !options.labels.empty() || !options.labels_file.empty()));
  text += row("pictures", pictures_text(options, checkpoint, model));
  const bool rounds = options.type() == weights::Type::kHalf;
  if (rounds) text += row("fp16", rounding_text(report));
  if (report.int8_layers > 0) text += row("int8", int8_text(model, report));
  return text + written_text(options, bytes_written, bytes_read);
}

// "shard 1 of 3" of a file's name as Hugging Face writes them (model-00001-of-00003.safetensors); else empty.
std::string shard_of(const std::string& path) {
  const size_t of = path.rfind("-of-");
  unsigned number = 0, count = 0;
  if (of == std::string::npos || of < 5 ||
      std::sscanf(path.c_str() + of - 5, "%5u-of-%5u", &number, &count) != 2 || count < 2) {
    return "";
  }
  return "shard " + std::to_string(number) + " of " + std::to_string(count);
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

Checkpoint read_input(const Options& options, std::string_view bytes) {
  const std::string shard = shard_of(options.input);
  try {
    return read_checkpoint(bytes, options.read);
  } catch (const std::exception& error) {
    if (shard.empty()) throw;
    throw std::runtime_error(
        shard + " of a checkpoint, which holds a part of it; save the model in one file " +
        "(save_pretrained with max_shard_size=\"10GB\") and pack that (" + error.what() + ")");
  }
}

// A .levit file in another type, with what flags say of labels and texts; gives the report.
std::string pack_again(const Options& options, std::string_view bytes, std::vector<uint8_t>* image) {
  const ReadOptions& read = options.read;
  if (!read.key.empty() || !read.head.key.empty() || read.head.none || !options.resize.empty() ||
      !options.mean.empty() || !options.std.empty() || options.temperature != 1)
    throw std::runtime_error(
        "of a .levit file, --dtype, --labels, --labels-file, --name and --note can change");
  FoldedModel model = read_levit_file(bytes);
  set_labels(options, &model);
  if (!options.name.empty()) model.name = options.name;
  if (!options.note.empty()) model.note = options.note;
  WriteReport report;
  *image = write_levit(model, options.type(), &report);
  std::string text = row("source", ".levit, " + model.name);
  if (report.int8_layers > 0) text += row("int8", int8_text(model, report));
  return text + written_text(options, image->size(), bytes.size());
}

// A .levit file of which only C source is asked: byte for byte.
std::string linked_as_it_is(const Options& options, std::string_view bytes, std::vector<uint8_t>* image) {
  const levit_model* model = nullptr;
  const levit_status opened = levit_open(bytes.data(), bytes.size(), &model);  // pages are aligned
  if (opened != LEVIT_OK) throw std::runtime_error(levit_status_text(opened));
  image->assign(bytes.begin(), bytes.end());
  return row("written", options.emit_c + ", " + std::to_string(bytes.size()) + " bytes as they are");
}

void write_c(const Options& options, const std::vector<uint8_t>& image) {
  naming(options.emit_c, [&] { write_atomically(options.emit_c, c_source(image)); });
}

void pack(const Options& options) {
  std::string report;
  std::vector<uint8_t> image;
  naming(options.input, [&] {
    const MappedFile file(options.input);
    for (const std::string& output : {options.output, options.emit_c})
      if (same_file(options.input, output)) throw std::runtime_error("the output would overwrite it");
    if (is_levit_file(file.bytes())) {
      report = options.as_it_is ? linked_as_it_is(options, file.bytes(), &image)
                                : pack_again(options, file.bytes(), &image);
      return;
    }
    const Checkpoint checkpoint = read_input(options, file.bytes());
    FoldedModel model = fold(checkpoint);
    describe_model(options, checkpoint, &model);
    WriteReport written;
    image = write_levit(model, options.type(), &written);
    report = report_text(options, checkpoint, model, written, file.bytes().size(), image.size());
  });
  if (!options.output.empty()) naming(options.output, [&] { write_atomically(options.output, image); });
  if (!options.emit_c.empty()) write_c(options, image);
  print(report);
}

int run(int count, char** arguments) {
  CLI::App app(
      "Packs a trained LeViT into one .levit file: batch norms folded, both heads merged, in fp16, fp32 or "
      "int8.",
      kProgram);
  Options options;
  add_options(app, options);
  app.set_version_flag("--version", std::string(kProgram) + " " + levit_version());
  add_usage_flags(app);
  try {
    app.parse(count, arguments);
    if (options.output.empty() && options.emit_c.empty()) throw CLI::RequiredError("--output or --emit-c");
    if (same_place(options.output, options.emit_c))
      throw CLI::ValidationError("--output and --emit-c name the same file");
  } catch (const CLI::Success& asked) {  // --help, --version, --manual, --completion
    std::ostringstream text;
    const int code = app.exit(asked, text, text);
    print(text.str());
    return code;
  } catch (const CLI::ParseError& error) {
    complain(std::string(error.what()) + " (see pack_weights --help)", kProgram);
    return kUsageExit;
  }
  for (const CLI::Option* option : app.get_options())
    options.as_it_is = options.as_it_is &&
                       (option->count() == 0 || option->get_positional() || option->check_lname("emit-c"));
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
