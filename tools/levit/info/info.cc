// levit info: what is in a weight file, and what it takes to run it here.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "levit.hpp"
#include "tools/common/model_file.h"
#include "tools/common/output.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"
#include "tools/levit/info/plan.h"

namespace levit::tools {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string path, model, features;
  uint32_t batch = 1, threads = 1;
  bool json = false, plan = false;
};

// Bytes of the arena for one picture in one thread.
size_t arena_for(const levit_model* model, uint32_t features) {
  levit_options options = levit_default_options();
  options.features = features;
  return arena_bytes(model, options);
}

Json describe(const ModelFile& file) {
  const levit_info& info = file.info();
  Json json;
  json["path"] = file.path();
  json["bytes"] = file.bytes();
  json["name"] = info.name;
  json["note"] = info.note;
  json["format"] = std::to_string(info.version_major) + "." + std::to_string(info.version_minor);
  json["checksum"] = hexadecimal(info.checksum);
  json["variant"] = info.variant == nullptr ? Json() : Json(info.variant);
  json["dims"] = info.dims;
  json["heads"] = info.heads;
  json["depth"] = info.depth;
  json["key"] = info.key;
  json["grid"] = info.grid;
  json["parameters"] = info.parameters;
  json["values"] = info.dtype == LEVIT_Q8 ? "q8" : info.dtype == LEVIT_F16 ? "f16" : "f32";
  json["classes"] = info.labels == 0 ? 0 : info.classes;  // without classifier the file holds one of zeros
  json["head"] = info.labels == 0 ? "none" : info.labels > info.classes ? "sigmoid of one logit" : "softmax";
  json["labels"] = Json::array();
  for (size_t i = 0; i < info.labels; ++i) json["labels"].push_back(file.label(i));
  json["resize"] = resize_name(info.resize);
  json["mean"] = info.mean;
  json["std"] = info.std;
  json["temperature"] = info.temperature;
  json["familiarity"] = info.familiarity == 0 ? "none" : std::to_string(info.familiarity) + " class means";
  json["arena_bytes"]["classify"] = arena_for(file.model(), 0);
  json["arena_bytes"]["gradient"] = arena_for(file.model(), LEVIT_GRADIENT);
  json["arena_bytes"]["attribution"] = arena_for(file.model(), LEVIT_ATTRIBUTION);
  for (size_t i = 0; levit_target_name(i) != nullptr; ++i) json["targets"].push_back(levit_target_name(i));
  json["target"] = levit_target_name(0);
  return json;
}

constexpr size_t kColumn = 25;  // where values begin

// Lines of a text below each other in the column of values; a tab is a blank.
std::string in_column(const std::string& text) {
  std::string out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    std::replace(line.begin(), line.end(), '\t', ' ');
    out += (begin == 0 ? "" : "\n" + std::string(kColumn, ' ')) + visible(line);
    begin = end + 1;
  }
  return out;
}

// "128 256 384" for an array, the text itself for a string.
std::string plain(const Json& value) {
  if (value.is_string()) return in_column(value.get<std::string>());
  if (value.is_number_float()) return fixed(value.get<double>(), 4);
  if (!value.is_array()) return value.is_null() ? "none of the published ones" : value.dump();
  constexpr size_t kShown = 12;  // of a thousand labels
  std::string text;
  for (size_t i = 0; i < value.size() && i < kShown; ++i) text += (i == 0 ? "" : " ") + plain(value[i]);
  return value.size() > kShown ? text + " ..." : text;
}

std::string row(const std::string& name, const Json& value) {
  return name + std::string(kColumn - name.size(), ' ') + plain(value) + "\n";
}

std::string table(const Json& json) {
  std::string text;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_object()) {
      text += row(key, value);
      continue;
    }
    for (const auto& [inner, number] : value.items()) text += row(key + " " + inner, number);
  }
  return text;
}

// A context that is planned and never made: no task runs.
levit_options planned(const Arguments& arguments) {
  levit_options options = levit_default_options();
  if (arguments.features == "gradient") options.features = LEVIT_GRADIENT;
  if (arguments.features == "attribution") options.features = LEVIT_ATTRIBUTION;
  options.batch = arguments.batch;
  options.threads = arguments.threads;
  options.parallel_for = [](void*, size_t, levit_task, void*) {};
  return options;
}

int run_info(const Arguments& arguments) {
  const ModelFile file(find_model(arguments.path.empty() ? arguments.model : arguments.path));
  if (arguments.plan) {
    print(draw_plan(file.model(), planned(arguments)));
    return 0;
  }
  const Json json = describe(file);
  print(arguments.json ? json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n" : table(json));
  return 0;
}

}  // namespace

Command add_info(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("info", "What is in a weight file, and what it takes to run it here");
  auto arguments = std::make_shared<Arguments>();
  CLI::Option* path =
      app->add_option("file", arguments->path, "Weight file; else as --model says")->type_name("FILE");
  add_model_flag(*app, arguments->model);
  app->get_option("--model")->excludes(path);
  app->add_flag("--json", arguments->json, "One JSON object");
  CLI::Option* plan =
      app->add_flag("--plan", arguments->plan, "Draw the arena: its buffers over the steps of a pass");
  plan->excludes("--json");
  app->add_option("--batch", arguments->batch, "Pictures of a pass, for --plan")
      ->needs(plan)
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app->add_option("--threads", arguments->threads, "Threads, for --plan")
      ->needs(plan)
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app->add_option("--features", arguments->features, "gradient or attribution, for --plan")
      ->needs(plan)
      ->check(CLI::IsMember({"gradient", "attribution"}));
  app->footer("Example: levit info model.levit\n         levit info --plan --features gradient");
  return {app, [arguments] { return run_info(*arguments); }};
}

}  // namespace levit::tools
