#include "tools/checkpoint/inventory.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "tools/checkpoint/message.h"

namespace levit::tools {
namespace {

constexpr const char* kNormVectors[] = {"weight", "bias", "running_mean", "running_var"};

void expect_norm(const std::string& module, uint64_t features, std::vector<Expected>* expected) {
  for (const char* vector : kNormVectors) expected->push_back({module + ".bn." + vector, {features}});
}

void expect_layer(const weights::Layer& layer, bool fused, std::vector<Expected>* expected) {
  const std::string module = module_name(layer);
  const bool convolution = layer.part == weights::Part::kStem;
  expected->push_back(
      {module + ".linear.weight", convolution ? std::vector<uint64_t>{layer.outputs, layer.depth / 9, 3, 3}
                                              : std::vector<uint64_t>{layer.outputs, layer.depth}});
  if (fused) {
    expected->push_back({module + ".linear.bias", {layer.outputs}});
  } else {
    expect_norm(module, layer.outputs, expected);
  }
  if (layer.table != 0)
    expected->push_back({table_name(layer), {layer.heads, uint64_t{layer.grid} * layer.grid}});
}

void expect_head(const weights::Layer& layer, const Configuration& configuration,
                 std::vector<Expected>* expected) {
  if (configuration.head == HeadKind::kConv) {
    expected->push_back({"conv_head.weight", {layer.outputs, layer.depth}});
    expected->push_back({"conv_head.bias", {layer.outputs}});
    return;
  }
  for (const std::string& module : head_modules(configuration.head)) {
    if (!configuration.fused) expect_norm(module, layer.depth, expected);
    expected->push_back({module + ".linear.weight", {layer.outputs, layer.depth}});
    expected->push_back({module + ".linear.bias", {layer.outputs}});
  }
}

bool fits(const std::vector<uint64_t>& shape, const std::vector<uint64_t>& expected) {
  if (shape == expected) return true;
  return expected.size() == 2 && shape.size() == 4 && shape[0] == expected[0] && shape[1] == expected[1] &&
         shape[2] == 1 && shape[3] == 1;
}

// The faults of one kind, written as "2 tensors are missing: a, b".
class Faults {
 public:
  Faults(const char* one, const char* many) : one_(one), many_(many) {}
  void add(const std::string& what) { list_ += (count_++ == 0 ? "" : ", ") + what; }
  void append_to(std::string* message) const {
    if (count_ == 0) return;
    if (!message->empty()) *message += "; ";
    *message += std::to_string(count_) + (count_ == 1 ? " tensor " : " tensors ") +
                (count_ == 1 ? one_ : many_) + ": " + list_;
  }

 private:
  const char* one_;
  const char* many_;
  int count_ = 0;
  std::string list_;
};

struct Report {
  Faults missing{"is missing", "are missing"};
  Faults shape{"has a wrong shape", "have wrong shapes"};
  Faults type{"is not of floating point", "are not of floating point"};
  Faults finite{"holds numbers that are not finite", "hold numbers that are not finite"};
  Faults variance{"is a variance with negative values", "are variances with negative values"};
  Faults unknown{"is not one of a LeViT's", "are not ones of a LeViT's"};
};

void check_values(const std::string& name, const std::string& shown, const Tensor& tensor, Report* report) {
  const std::vector<double> values = widened(tensor);
  const auto bad = std::count_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
  if (bad != 0)
    report->finite.add(shown + " (" + std::to_string(bad) + " of " + std::to_string(values.size()) + ")");
  if (ends_with(name, ".running_var") &&
      std::any_of(values.begin(), values.end(), [](double v) { return v < 0; })) {
    report->variance.add(shown);
  }
}

void check_tensor(const Expected& expected, const std::string& shown, const Tensor& tensor, Report* report) {
  if (!fits(tensor.shape, expected.shape)) {
    report->shape.add(shown + " is " + shape_text(tensor.shape) + ", expected " + shape_text(expected.shape));
  } else if (!is_floating(tensor.dtype)) {
    report->type.add(shown + " (" + dtype_name(tensor.dtype) + ")");
  } else {
    check_values(expected.name, shown, tensor, report);
  }
}

}  // namespace

std::string module_name(const weights::Layer& layer) {
  char name[weights::kNameBytes];
  weights::layer_name(layer, name);
  return name;
}

std::string table_name(const weights::Layer& layer) {
  const std::string module = module_name(layer);
  return module.substr(0, module.rfind('.')) + ".attention_biases";
}

std::vector<std::string> head_modules(HeadKind kind) {
  if (kind == HeadKind::kDistilled) return {"head", "head_dist"};
  return {"head"};
}

std::vector<Expected> expected_tensors(const Configuration& configuration) {
  std::vector<Expected> expected;
  for (uint32_t i = 0; i < weights::layer_count(configuration.config); ++i) {
    const weights::Layer layer = weights::layer_at(configuration.config, i);
    if (layer.part == weights::Part::kHead) {
      expect_head(layer, configuration, &expected);
    } else {
      expect_layer(layer, configuration.fused, &expected);
    }
  }
  return expected;
}

void check_tensors(const StateDict& dict, const Configuration& configuration,
                   const SourceNames& source_names) {
  const auto shown = [&](const std::string& name) {
    const auto found = source_names.find(name);
    return printable(found == source_names.end() ? name : found->second);
  };
  Report report;
  std::set<std::string> known;
  for (const Expected& expected : expected_tensors(configuration)) {
    known.insert(expected.name);
    const auto found = dict.find(expected.name);
    if (found == dict.end()) {
      report.missing.add(shown(expected.name));
    } else {
      check_tensor(expected, shown(expected.name), found->second, &report);
    }
    // A batch norm counts its training steps; they say nothing about its output.
    if (ends_with(expected.name, ".running_var")) {
      known.insert(expected.name.substr(0, expected.name.rfind('.')) + ".num_batches_tracked");
    }
  }
  for (const auto& entry : dict) {
    if (known.count(entry.first) == 0) report.unknown.add(shown(entry.first));
  }
  std::string message;
  for (const Faults* faults :
       {&report.missing, &report.shape, &report.type, &report.finite, &report.variance, &report.unknown}) {
    faults->append_to(&message);
  }
  if (!message.empty()) throw std::runtime_error(message);
}

}  // namespace levit::tools
