// The instruction sets against each other: one model, one input, and the logits of all of them in one table.
//
//   runtime_test -tc='*instruction set*' -s
//
// The golden is computed in float64 on no processor's vectors: rows of tables printed on several machines, or
// under emulation, compare through it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/runtime/goldens.h"
#include "tools/checkpoint/writer.h"
#include "tools/picture/picture.h"

namespace levit::tests {
namespace {

constexpr double kBar = 1e-5;  // relative to the largest logit

const char* name_of(weights::Type type) {
  return type == weights::Type::kInt8 ? "q8" : type == weights::Type::kHalf ? "f16" : "f32";
}

struct Row {
  std::string target;
  std::vector<float> logits;
};

// input [pictures, 3, 224, 224].
std::vector<Row> rows_of(const OpenModel& model, const std::vector<float>& input) {
  const size_t pictures = input.size() / kPixels;
  std::vector<Row> rows;
  for (const std::string& target : target_names()) {
    const OpenContext context(model, options_with(0, static_cast<uint32_t>(pictures), target.c_str()));
    rows.push_back({target, std::vector<float>(pictures * model.info().classes)});
    REQUIRE(levit_classify(context, {nullptr, input.data()}, pictures, rows.back().logits.data()) ==
            LEVIT_OK);
  }
  return rows;
}

// The largest difference relative to the largest logit.
double difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0, most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(b[i])));
    most = std::max(most, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return most / largest;
}

// golden: float64's logits, or none.
void check_table(const std::string& title, const std::vector<Row>& rows, const std::vector<float>& golden) {
  std::string table = title + "\n  target   logits of the first picture        to the others  to float64\n";
  for (const Row& row : rows) {
    CAPTURE(row.target);
    double others = 0;
    for (const Row& other : rows) others = std::max(others, difference(row.logits, other.logits));
    CHECK(others < kBar);
    char line[160];
    std::snprintf(line, sizeof line, "  %-8s %15.8g %15.8g     %12.1e", row.target.c_str(),
                  static_cast<double>(row.logits[0]), static_cast<double>(row.logits[1]), others);
    table += line;
    if (!golden.empty()) {
      CHECK(difference(row.logits, golden) < kBar);
      std::snprintf(line, sizeof line, " %11.1e", difference(row.logits, golden));
      table += line;
    }
    table += "\n";
  }
  MESSAGE(table);
}

}  // namespace

TEST_CASE("every instruction set gives the same logits, in fp32, fp16 and int8") {
  const std::vector<float> golden = load_npy("model/levit_tiny_2/logits.npy").values;
  for (const weights::Type type : kTypes) {
    const OpenModel model(Seed{"tiny", 2, 2, false, type});
    const bool exact = type == weights::Type::kFloat;
    check_table(std::string("tiny, ") + name_of(type), rows_of(model, seeded_input(3)),
                exact ? golden : std::vector<float>());
  }
}

TEST_CASE("every instruction set gives the default model's logits of real pictures, in fp32, fp16 and int8") {
  const std::string file = load_text("../../weights/ai_vs_real.levit");
  const OpenModel half(std::vector<uint8_t>(file.begin(), file.end()));
  const OpenContext context(half, options_with(0));
  std::vector<float> input;
  for (const char* name : {"real_bear", "ai_pagoda", "real_snow", "ai_fox"}) {
    const tools::Picture picture = tools::load_picture(data_path(std::string("ai_vs_real/") + name + ".png"));
    input.resize(input.size() + kPixels);
    REQUIRE(levit_normalise(context, picture.image().pixels, input.data() + input.size() - kPixels) ==
            LEVIT_OK);
  }
  for (const weights::Type type : kTypes) {
    const OpenModel model(tools::write_levit(folded_of(half), type));
    check_table(std::string("ai_vs_real, ") + name_of(type), rows_of(model, input), {});
  }
}

}  // namespace levit::tests
