#include "tools/checkpoint/normalisation.h"

#include <algorithm>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

constexpr std::string_view kMean = "mean", kStd = "std";

// Whether a name has at most one module between it and those that lead to the network.
bool is_near(const std::string& name, const Network& network) {
  if (name.compare(0, network.container, network.prefix, 0, network.container) != 0) return false;
  size_t common = 0;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (network.prefix.compare(0, dot + 1, name, 0, dot + 1) == 0) common = dot + 1;
  }
  return std::count(name.begin() + static_cast<std::ptrdiff_t>(common), name.end(), '.') <= 1;
}

// "pixel_std" of "pixel_mean"; empty of any other name.
std::string partner(const std::string& name) {
  const size_t at = name.rfind(kMean);
  if (at == std::string::npos || name.find('.', at) != std::string::npos) return "";
  std::string other = name;
  return other.replace(at, kMean.size(), kStd);
}

bool has_three_values(const StateDict& dict, const std::string& name) {
  const auto found = dict.find(name);
  return found != dict.end() && found->second.fault.empty() && is_floating(found->second.dtype) &&
         element_count(found->second) == 3;
}

// False for values that no pictures are normalised with.
bool set_values(const StateDict& dict, Normalisation* to) {
  const std::vector<double> mean = widened(dict.at(to->mean_name)), std = widened(dict.at(to->std_name));
  const bool bytes =
      *std::max_element(mean.begin(), mean.end()) > 2 || *std::max_element(std.begin(), std.end()) > 2;
  for (size_t c = 0; c < 3; ++c) {
    const double scale = bytes ? 255 : 1, m = mean[c] / scale, s = std[c] / scale;
    if (!(m >= -1 && m <= 2 && s >= 1e-3 && s <= 2)) return false;
    to->mean[c] = static_cast<float>(m);
    to->std[c] = static_cast<float>(s);
  }
  return true;
}

}  // namespace

std::optional<Normalisation> take_normalisation(const StateDict& dict, const Network& network,
                                                std::vector<std::string>* rest) {
  Normalisation found;
  for (const std::string& name : *rest) {
    const std::string other = partner(name);
    if (other.empty() || !is_near(name, network)) continue;
    if (!has_three_values(dict, name) || !has_three_values(dict, other)) continue;
    if (!found.mean_name.empty()) return std::nullopt;
    found.mean_name = name;
    found.std_name = other;
  }
  if (found.mean_name.empty() || !set_values(dict, &found)) return std::nullopt;
  rest->erase(std::remove_if(
                  rest->begin(), rest->end(),
                  [&](const std::string& name) { return name == found.mean_name || name == found.std_name; }),
              rest->end());
  return found;
}

}  // namespace levit::tools
