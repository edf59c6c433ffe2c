#include "tools/levit/classify/resume.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/text.h"

namespace levit::tools {
namespace {

using Json = nlohmann::json;

std::string path_of(const Json& line) {
  const auto encoded = line.find("path_bytes");
  return encoded == line.end() ? line.at("path").get<std::string>()
                               : percent_decoded(encoded->get<std::string>());
}

}  // namespace

void keep_shard(InputList& list, const Shard& shard) {
  std::sort(list.inputs.begin(), list.inputs.end(),
            [](const Input& a, const Input& b) { return a.path < b.path; });
  const auto begin = list.inputs.begin();
  const size_t all = list.inputs.size();
  list.inputs = std::vector<Input>(begin + static_cast<long>(shard.first(all)),
                                   begin + static_cast<long>(shard.last(all)));
}

FinishedInputs finished_inputs(const std::string& path, const InputList& list) {
  refuse_special_file(path);
  FinishedInputs whole, before;  // with the last line, and before the input that it is of
  std::ifstream stream(path, std::ios::binary);
  if (!stream && !std::filesystem::exists(path)) return whole;
  if (!stream) throw std::runtime_error(path + ": " + std::strerror(errno));
  bool several = false;
  for (std::string line; std::getline(stream, line) && !stream.eof();) {
    const Json parsed = Json::parse(line, nullptr, false);
    const std::string found = parsed.is_object() && parsed.contains("path") ? path_of(parsed) : "";
    const bool same = whole.inputs > 0 && list.inputs[whole.inputs - 1].path == found;
    if (!same) {
      if (whole.inputs == list.inputs.size() || list.inputs[whole.inputs].path != found)
        throw std::runtime_error(path + ": not of this list of inputs; it stays as it is");
      before = whole;
      ++whole.inputs;
    }
    whole.bytes += line.size() + 1;
    whole.failed += parsed.contains("error") ? 1 : 0;
    several = parsed.contains("index");
  }
  return several ? before : whole;
}

}  // namespace levit::tools
