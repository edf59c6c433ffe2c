// Lines of predictions: floats with the shortest digits that give them back, so that nothing is lost on the
// way through a file.
#include "tools/levit/evaluate/prediction.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

// In the order written, with the shortest digits that give back a float.
using Json =
    nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool, int64_t, uint64_t, float>;
using WideJson = nlohmann::ordered_json;

constexpr int kFormat = 1;

// Paths are bytes; JSON holds text. A path that is not UTF-8 is kept percent-encoded beside its name.
void put_bytes(Json& line, const char* key, const std::string& bytes) {
  line[key] = bytes;
  if (!valid_utf8(bytes)) line[std::string(key) + "_bytes"] = percent_encoded(bytes);
}

std::string get_bytes(const Json& line, const char* key) {
  const auto encoded = line.find(std::string(key) + "_bytes");
  return encoded == line.end() ? line.at(key).get<std::string>()
                               : percent_decoded(encoded->get<std::string>());
}

template <typename AnyJson>
std::string text_of(const AnyJson& line) {
  return line.dump(-1, ' ', false, AnyJson::error_handler_t::replace) + "\n";
}

std::string not_ours(const std::string& path, size_t line) {
  return path + ": line " + std::to_string(line) + ": no prediction of levit evaluate";
}

PredictionHeader parse_header(const std::string& text) {
  const WideJson line = WideJson::parse(text);
  if (line.at("levit_predictions") != kFormat) throw std::runtime_error("of another version of levit");
  PredictionHeader header;
  header.model = line.at("model");
  header.checksum = line.at("checksum");
  header.labels = line.at("labels").get<std::vector<std::string>>();
  header.temperature = line.at("temperature");
  header.resize = line.at("resize");
  header.ignore_orientation = line.at("ignore_orientation");
  header.changes = line.at("robust").get<std::vector<std::string>>();
  header.equalise = line.value("equalise", false);
  header.views = line.value("views", size_t{0});
  header.total = line.at("total");
  header.list = line.at("list");
  header.shard = parse_shard(line.at("shard"));
  return header;
}

// The logits of the changes or views that there should be.
std::vector<std::vector<float>> more_logits(const Json& line, const char* key, size_t classes, size_t count) {
  std::vector<std::vector<float>> all;
  if (line.contains(key)) all = line[key].get<std::vector<std::vector<float>>>();
  const auto wrong = [classes](const std::vector<float>& logits) { return logits.size() != classes; };
  if (all.size() != count || std::any_of(all.begin(), all.end(), wrong))
    throw std::runtime_error(std::string("not as many logits of \"") + key + "\" as there should be");
  return all;
}

Prediction parse_prediction(const std::string& text, const PredictionHeader& header) {
  const size_t classes = header.labels.size();
  const Json line = Json::parse(text);
  Prediction one;
  one.path = get_bytes(line, "path");
  one.source = get_bytes(line, "source");
  one.truth = line.at("truth");
  if (one.truth >= classes) throw std::runtime_error("no class " + std::to_string(one.truth));
  if (line.contains("error")) {
    one.error = line["error"];
    return one;
  }
  one.logits = line.at("logits").get<std::vector<float>>();
  if (one.logits.size() != classes) throw std::runtime_error("not as many logits as classes");
  one.width = line.at("width");
  one.height = line.at("height");
  one.facts.bytes = line.at("bytes");
  one.facts.format = line.at("format");
  one.facts.luma_steps = line.at("luma_steps");
  one.facts.chroma_steps = line.at("chroma_steps");
  one.facts.tables = line.value("tables", uint64_t{0});
  one.colour = line.at("colour");
  one.robust = more_logits(line, "robust", classes, header.changes.size());
  one.views = more_logits(line, "views", classes, header.views);
  one.distance = line.value("distance", -1.0F);
  return one;
}

}  // namespace

bool PredictionHeader::fits(const PredictionHeader& other) const {
  return checksum == other.checksum && labels == other.labels && temperature == other.temperature &&
         resize == other.resize && ignore_orientation == other.ignore_orientation &&
         equalise == other.equalise && changes == other.changes && views == other.views &&
         total == other.total && list == other.list && shard.parts == other.shard.parts;
}

std::string header_line(const PredictionHeader& header) {
  WideJson line;
  line["levit_predictions"] = kFormat;
  line["model"] = header.model;
  line["checksum"] = header.checksum;
  line["labels"] = header.labels;
  line["temperature"] = header.temperature;
  line["resize"] = header.resize;
  line["ignore_orientation"] = header.ignore_orientation;
  line["robust"] = header.changes;
  if (header.equalise) line["equalise"] = true;
  if (header.views > 0) line["views"] = header.views;
  line["total"] = header.total;
  line["list"] = header.list;
  line["shard"] = shard_text(header.shard);
  return text_of(line);
}

std::string prediction_line(const Prediction& prediction) {
  Json line;
  put_bytes(line, "path", prediction.path);
  put_bytes(line, "source", prediction.source);
  line["truth"] = prediction.truth;
  if (!prediction.error.empty()) {
    line["error"] = prediction.error;
    return text_of(line);
  }
  line["logits"] = prediction.logits;
  line["width"] = prediction.width;
  line["height"] = prediction.height;
  line["bytes"] = prediction.facts.bytes;
  line["format"] = prediction.facts.format;
  line["luma_steps"] = prediction.facts.luma_steps;
  line["chroma_steps"] = prediction.facts.chroma_steps;
  if (prediction.facts.tables != 0) line["tables"] = prediction.facts.tables;
  line["colour"] = prediction.colour;
  if (!prediction.robust.empty()) line["robust"] = prediction.robust;
  if (!prediction.views.empty()) line["views"] = prediction.views;
  if (prediction.distance >= 0) line["distance"] = prediction.distance;
  return text_of(line);
}

PredictionFile read_predictions(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error(path + ": " + std::strerror(errno));
  if (std::filesystem::is_directory(path))
    throw std::runtime_error(path + ": a directory, not a file of predictions");
  PredictionFile file;
  size_t number = 0;
  for (std::string line; std::getline(stream, line) && !stream.eof();) {
    ++number;
    try {
      if (number == 1) {
        file.header = parse_header(line);
      } else {
        file.predictions.push_back(parse_prediction(line, file.header));
      }
    } catch (const Json::exception&) {
      throw std::runtime_error(not_ours(path, number));
    } catch (const std::exception& error) {
      throw std::runtime_error(not_ours(path, number) + " (" + error.what() + ")");
    }
    file.bytes += line.size() + 1;
  }
  if (stream.bad()) throw std::runtime_error(path + ": " + std::strerror(errno));
  if (number == 0) throw std::runtime_error(path + ": holds no complete line of predictions");
  return file;
}

PredictionFile merge_predictions(const std::vector<std::string>& paths) {
  PredictionFile merged;
  std::vector<std::string> part_of;  // the file of each shard
  for (const std::string& path : paths) {
    PredictionFile file = read_predictions(path);
    const Shard shard = file.header.shard;
    if (part_of.empty()) {
      merged.header = file.header;
      part_of.resize(shard.parts);
    }
    if (!merged.header.fits(file.header))
      throw std::runtime_error(path + ": not of the same evaluation as " + paths[0]);
    std::string& taken = part_of[shard.index - 1];
    if (!taken.empty())
      throw std::runtime_error(path + ": shard " + std::to_string(shard.index) + " again, as in " + taken);
    taken = path;
    const size_t expected = shard.last(file.header.total) - shard.first(file.header.total);
    if (file.predictions.size() != expected) {
      throw std::runtime_error(path + ": " + std::to_string(file.predictions.size()) + " of " +
                               std::to_string(expected) + " pictures; run its shard again with --resume");
    }
    std::move(file.predictions.begin(), file.predictions.end(), std::back_inserter(merged.predictions));
  }
  std::string missing;
  for (size_t i = 0; i < part_of.size(); ++i)
    if (part_of[i].empty()) missing += (missing.empty() ? "" : ", ") + std::to_string(i + 1);
  if (!missing.empty()) {
    throw std::runtime_error("of " + std::to_string(part_of.size()) +
                             " shards these are missing: " + missing);
  }
  std::sort(merged.predictions.begin(), merged.predictions.end(),
            [](const Prediction& a, const Prediction& b) { return a.path < b.path; });
  merged.header.shard = {};
  return merged;
}

}  // namespace levit::tools
