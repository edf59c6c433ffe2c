// A folded model to the bytes of FORMAT.md, each value rounded once.
#include "tools/checkpoint/writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "tools/checkpoint/quantise.h"
#include "weights/checksum.h"
#include "weights/validate.h"

namespace levit::tools {
namespace {

using weights::kPanelWidth;
using weights::Tensor;

constexpr int kFractionBits = 52, kBias = 1023;  // of double
constexpr int kHalfFractionBits = 10, kHalfBias = 15, kHalfMinExponent = -14;

std::string name_of(const weights::Layer& layer) {
  char name[weights::kNameBytes];
  weights::layer_name(layer, name);
  return name;
}

void require(bool holds, const std::string& cause) {
  if (!holds) throw std::runtime_error(cause);
}

void check_finite(const std::vector<double>& values, size_t count, const weights::Layer& layer,
                  const char* what) {
  require(values.size() == count, name_of(layer) + ": " + std::to_string(values.size()) + " values of the " +
                                      what + ", not " + std::to_string(count));
  require(std::all_of(values.begin(), values.end(),
                      [](double v) { return std::isfinite(static_cast<float>(v)); }),
          name_of(layer) + ": the " + what + " has values that are not finite");
}

void check_text(const std::string& text, bool lines, const std::string& what) {
  const char* const begin = text.c_str();
  require(weights::text_end(begin, begin + text.size() + 1, lines) == begin + text.size() + 1,
          what + " is not UTF-8 text without control characters");
}

void check(const FoldedModel& model) {
  require(weights::valid(model.config), "sizes that a .levit file cannot hold");
  require(model.layers.size() == weights::layer_count(model.config),
          std::to_string(model.layers.size()) + " layers, not " +
              std::to_string(weights::layer_count(model.config)));
  for (uint32_t i = 0; i < model.layers.size(); ++i) {
    const weights::Layer shape = weights::layer_at(model.config, i);
    check_finite(model.layers[i].weight, size_t{shape.outputs} * shape.depth, shape, "weight");
    check_finite(model.layers[i].bias, shape.outputs, shape, "bias");
    check_finite(model.layers[i].table, shape.table, shape, "table of attention biases");
  }
  require(weights::valid(model.preprocessing, model.temperature),
          "mean, standard deviation or temperature out of range");
  check_text(model.name, false, "the name");
  check_text(model.note, true, "the note");
  require(model.config.classes == 1 || !(model.no_head || model.one_logit), "one logit of several classes");
  const auto zero = [](const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double v) { return v == 0; });
  };
  require(!model.no_head || (zero(model.layers.back().weight) && zero(model.layers.back().bias)),
          "no classifier, but weights of one");
  const size_t labels = label_count(model);
  require(model.labels.size() == labels,
          std::to_string(model.labels.size()) + " labels, not " + std::to_string(labels));
  for (const std::string& label : model.labels) {
    require(!label.empty(), "an empty label");
    check_text(label, false, "a label");
  }
}

// Where W[output][k] lies among the values of its panels [panels][depth][16].
size_t panel_position(size_t output, size_t k, size_t depth) {
  return (output / kPanelWidth * depth + k) * kPanelWidth + output % kPanelWidth;
}

void write_float_panels(const std::vector<double>& weight, const Tensor& tensor, uint8_t* to) {
  const size_t depth = tensor.columns;
  for (size_t i = 0; i < weight.size(); ++i) {
    weights::store_f32(to + 4 * panel_position(i / depth, i % depth, depth), static_cast<float>(weight[i]));
  }
}

void write_half_panels(const std::vector<double>& weight, const Tensor& tensor, uint8_t* to,
                       WriteReport* report) {
  const size_t depth = tensor.columns;
  double largest = 0, worst = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    const double magnitude = std::fabs(weight[i]);
    const Half half = round_to_half(weight[i]);
    weights::store_u16(to + 2 * panel_position(i / depth, i % depth, depth), half.bits);
    largest = std::max(largest, magnitude);
    if (magnitude != 0 && magnitude < kHalfMinNormal) ++report->subnormal;
    if (std::isinf(half.value)) {
      ++report->out_of_range;
    } else {
      worst = std::max(worst, std::fabs(half.value - weight[i]));
    }
  }
  if (worst > report->largest_rounding_error * largest) {
    report->largest_rounding_error = worst / largest;
    report->worst_layer = name_of(tensor.layer);
  }
}

void write_int8_panels(const std::vector<double>& weight, const QuantisedMatrix& matrix, const Tensor& tensor,
                       uint8_t* to, WriteReport* report) {
  const size_t depth = tensor.columns;
  double error = 0, squares = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    const int8_t number = matrix.numbers[i];
    to[panel_position(i / depth, i % depth, depth)] = static_cast<uint8_t>(number);
    const double difference = static_cast<double>(matrix.scale[i / depth]) * number - weight[i];
    error += difference * difference;
    squares += weight[i] * weight[i];
  }
  ++report->int8_layers;
  if (squares > 0 && std::sqrt(error / squares) > report->largest_int8_error) {
    report->largest_int8_error = std::sqrt(error / squares);
    report->worst_int8_layer = name_of(tensor.layer);
  }
}

template <class T>
void write_floats(const std::vector<T>& values, uint8_t* to) {
  for (size_t i = 0; i < values.size(); ++i) weights::store_f32(to + 4 * i, static_cast<float>(values[i]));
}

// quantised: of this layer, made with its panels.
void write_tensor(const FoldedLayer& layer, const Tensor& tensor, uint8_t* to, QuantisedMatrix* quantised,
                  WriteReport* report) {
  if (tensor.kind == weights::Kind::kScales) {
    write_floats(quantised->scale, to);
  } else if (tensor.kind == weights::Kind::kBias) {
    write_floats(layer.bias, to);
  } else if (tensor.kind == weights::Kind::kBiasTable) {
    write_floats(layer.table, to);
  } else if (tensor.type == weights::Type::kHalf) {
    write_half_panels(layer.weight, tensor, to, report);
  } else if (tensor.type == weights::Type::kInt8) {
    const size_t taps = tensor.layer.part == weights::Part::kStem ? weights::kTaps : 1;
    *quantised = quantise(layer.weight, tensor.columns, taps);
    write_int8_panels(layer.weight, *quantised, tensor, to, report);
  } else {
    write_float_panels(layer.weight, tensor, to);
  }
}

std::string join_strings(const FoldedModel& model) {
  std::string strings = model.name + '\0' + model.note + '\0';
  for (const std::string& label : model.labels) strings += label + '\0';
  return strings;
}

void write_header(const FoldedModel& model, weights::Type type, uint64_t header_bytes, size_t string_bytes,
                  std::vector<uint8_t>* file) {
  using namespace weights;
  uint8_t* const to = file->data();
  const Config& c = model.config;
  std::copy(std::begin(kMagic), std::end(kMagic), to + kAtMagic);
  store_u16(to + kAtVersionMajor, kVersionMajor);
  store_u16(to + kAtVersionMinor, kVersionMinor);
  const uint32_t head = model.no_head ? kFlagNoHead : model.one_logit ? kFlagOneLogit : 0;
  store_u32(to + kAtRequired, head | flags_of(type));
  store_u32(to + kAtHeaderBytes, static_cast<uint32_t>(header_bytes));
  store_u64(to + kAtFileBytes, file->size());
  store_u32(to + kAtClasses, c.classes);
  store_u32(to + kAtSide, c.side);
  for (size_t s = 0; s < kStages; ++s) {
    store_u32(to + kAtDims + 4 * s, c.dims[s]);
    store_u32(to + kAtHeads + 4 * s, c.heads[s]);
    store_u32(to + kAtDepth + 4 * s, c.depth[s]);
  }
  store_u32(to + kAtKey, c.key);
  store_u32(to + kAtAttentionRatio, c.attention_ratio);
  store_u32(to + kAtDownsampleRatio, c.downsample_ratio);
  store_u32(to + kAtMlpRatio, c.mlp_ratio);
  store_u32(to + kAtActivation, kHardswish);
  store_u32(to + kAtResize, static_cast<uint32_t>(model.preprocessing.resize));
  for (size_t i = 0; i < 3; ++i) {
    store_f32(to + kAtMean + 4 * i, model.preprocessing.mean[i]);
    store_f32(to + kAtStd + 4 * i, model.preprocessing.std[i]);
  }
  store_f32(to + kAtTemperature, model.temperature);
  store_u32(to + kAtTensors, tensor_count(c, type));
  store_u32(to + kAtStringBytes, static_cast<uint32_t>(string_bytes));
}

}  // namespace

Half round_to_half(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<uint16_t>(bits >> 48 & 0x8000);
  const int exponent = static_cast<int>(bits >> kFractionBits & 0x7ff) - kBias;
  if (exponent < -25) return {sign, std::copysign(0.0, value)};
  if (exponent > kHalfBias) return {static_cast<uint16_t>(sign | 0x7c00), std::copysign(HUGE_VAL, value)};

  // The magnitude in units of the half's last place: its lowest `drop` bits are rounded away.
  const int normal = exponent < kHalfMinExponent ? kHalfMinExponent : exponent;
  const int drop = kFractionBits - kHalfFractionBits + (normal - exponent);
  const uint64_t mantissa = (bits & ((uint64_t{1} << kFractionBits) - 1)) | uint64_t{1} << kFractionBits;
  const uint64_t rest = mantissa & ((uint64_t{1} << drop) - 1), tie = uint64_t{1} << (drop - 1);
  uint64_t units = mantissa >> drop;
  if (rest > tie || (rest == tie && units % 2 == 1)) ++units;

  // `units` carries the implicit bit, and a rounding carry with it, into the exponent; subnormals have
  // neither.
  const uint64_t magnitude = units + (static_cast<uint64_t>(normal - kHalfMinExponent) << kHalfFractionBits);
  const double stored =
      magnitude >= 0x7c00 ? HUGE_VAL : std::ldexp(static_cast<double>(units), normal - kHalfFractionBits);
  return {static_cast<uint16_t>(sign | magnitude), std::copysign(stored, value)};
}

size_t label_count(const FoldedModel& model) {
  return model.no_head ? 0 : model.one_logit ? 2 : model.config.classes;
}

std::vector<uint8_t> write_levit(const FoldedModel& model, weights::Type type, WriteReport* report) {
  check(model);
  WriteReport own;
  if (report == nullptr) report = &own;
  *report = {};
  const std::string strings = join_strings(model);
  const auto table_end = static_cast<size_t>(weights::strings_offset(model.config, type));
  const uint64_t header_bytes = weights::align_up(table_end + strings.size());
  require(header_bytes <= UINT32_MAX, "name, note and labels of more than 4 GB");

  std::vector<uint8_t> file(static_cast<size_t>(weights::file_bytes(model.config, type, header_bytes)));
  write_header(model, type, header_bytes, strings.size(), &file);
  std::copy(strings.begin(), strings.end(), file.begin() + static_cast<ptrdiff_t>(table_end));
  weights::TensorWalk walk{&model.config, type, header_bytes};
  uint8_t* entry = file.data() + weights::kHeaderBytes;
  auto layer = model.layers.begin();
  QuantisedMatrix quantised;
  for (Tensor tensor; weights::next_tensor(&walk, &tensor); entry += weights::kEntryBytes) {
    weights::describe(tensor, entry);
    write_tensor(*layer, tensor, file.data() + tensor.offset, &quantised, report);
    if (walk.tensor == 0) ++layer;
  }
  require(report->out_of_range == 0, std::to_string(report->out_of_range) +
                                         " weights are beyond the range of fp16; an fp32 file can hold them");
  weights::store_u64(file.data() + weights::kAtChecksum, weights::checksum(file.data(), file.size()));
  return file;
}

}  // namespace levit::tools
