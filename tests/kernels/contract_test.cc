// Broken contracts end the program in a build with assertions: each call here is made in a process of its
// own.
#include "kernels/contract.h"

#ifdef LEVIT_ASSERTIONS

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <string>

#include "doctest/doctest.h"
#include "kernels/attention.h"
#include "kernels/conv3x3.h"
#include "kernels/gemm.h"
#include "kernels/pixels.h"
#include "kernels/tokens.h"
#include "tests/kernels/support.h"

namespace levit::kernels {
namespace {

using tests::Guarded;

// The contract by which `call` ends its program; empty when it returns.
std::string broken_by(const std::function<void()>& call) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);  // doctest's handler would print
    dup2(ends[1], STDERR_FILENO);
    call();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[256];
  for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  const std::string prefix = "levit: broken contract: ";
  CHECK(WIFSIGNALED(status) == !text.empty());
  return text.rfind(prefix, 0) == 0 ? text.substr(prefix.size(), text.find('\n') - prefix.size()) : text;
}

const Dispatch& best() {
  return *find_target(nullptr);
}

constexpr size_t kRows = 4, kIn = 32, kOut = 48;

struct GemmFixture {
  GemmFixture()
      : x(kRows * kIn),
        y(kRows * kOut),
        w(std::vector<float>(kOut * kIn), kOut, kIn, Number::kHalf),
        scratch(gemm_scratch_floats(kIn)),
        segment{x.data()} {
    g.x = {segment, 1, kIn, kIn};
    g.w = w.panels();
    g.y = {y.data(), kOut, kOut, 0};
    g.row_end = kRows;
    g.column_end = kOut;
    g.scratch = scratch.data();
  }
  std::string broken() const {
    return broken_by([this] { best().gemm(g); });
  }

  Guarded<float> x, y;
  tests::PackedWeights w;
  Guarded<float> scratch;
  const float* segment[1];
  Gemm g = {};
};

TEST_CASE("gemm: a call that keeps its contract returns") {
  CHECK(GemmFixture().broken().empty());
}

TEST_CASE("gemm: swapped strides end the program") {
  GemmFixture f;
  std::swap(f.g.x.stride, f.g.y.stride);
  CHECK(f.broken() == "rows of the output do not overlap");
}

TEST_CASE("gemm: a stride less than a row of x ends the program") {
  GemmFixture f;
  f.g.x.stride = kIn - 1;
  CHECK(f.broken() == "rows of x do not overlap");
}

TEST_CASE("gemm: misaligned panels end the program") {
  GemmFixture f;
  f.g.w.data = static_cast<const uint16_t*>(f.g.w.data) + 1;
  CHECK(f.broken() == "panels are there and aligned to a row of 16");
}

TEST_CASE("gemm: segments that are not a row, or too many, end the program") {
  GemmFixture f;
  f.g.x.segment_length = kIn / 2;
  CHECK(f.broken() == "the segments together are as long as a row");
  f.g.x.segments = kMaxSegments + 1;
  CHECK(f.broken() == "there are 1 to kMaxSegments segments");
}

TEST_CASE("gemm: columns that begin or end within a panel, or behind the output, end the program") {
  GemmFixture f;
  f.g.column_begin = 8;
  CHECK(f.broken() == "columns begin with a panel");
  f.g.column_begin = 0;
  f.g.column_end = 24;
  CHECK(f.broken() == "columns end with a panel or the output");
  f.g.column_end = kOut + 16;
  CHECK(f.broken() == "columns lie in the output");
}

TEST_CASE("gemm: fp16 without aligned scratch ends the program") {
  GemmFixture f;
  f.g.scratch = nullptr;
  CHECK(f.broken() == "scratch is there and 64-byte aligned");
  f.g.scratch = f.scratch.data() + 1;
  CHECK(f.broken() == "scratch is there and 64-byte aligned");
}

TEST_CASE("gemm: an output over its input ends the program") {
  GemmFixture f;
  f.g.y.data = f.x.data();
  CHECK(f.broken() == "the output does not lie over the input");
}

TEST_CASE("gemm_vjp_input: the shape of a forward call ends the program") {
  const GemmFixture f;
  CHECK(broken_by([&] { best().gemm_vjp_input(f.g); }) == "the segments together are as long as a row");
}

TEST_CASE("attention: swapped strides, queries outside the picture and any other stride end the program") {
  constexpr AttentionShape kShape = {3, 1, 8, 16};
  const Guarded<float> kq(9 * 8), v(9 * 16), bias(9), y(9 * 16), scratch(attention_scratch_floats(kShape));
  Attention a = {};
  a.shape = kShape;
  a.q = {kq.data(), 8};
  a.k = {kq.data(), 8};
  a.v = {v.data(), 16};
  a.bias_table = bias.data();
  a.y = {y.data(), 16};
  a.query_end = 9;
  a.scratch = scratch.data();
  const auto broken = [&](const Attention& call) { return broken_by([&] { best().attention(call); }); };
  CHECK(broken(a).empty());
  Attention swapped = a;
  std::swap(swapped.k.stride, swapped.v.stride);
  CHECK(broken(swapped) == "rows of v are there and do not overlap");
  Attention outside = a;
  outside.query_end = 10;
  CHECK(broken(outside) == "queries lie in the picture");
  a.shape.stride = 3;
  CHECK(broken(a) == "queries have stride 1 or 2");
}

TEST_CASE("conv3x3_vjp_input: odd first rows, and planes with a slope, end the program") {
  constexpr size_t kSide = 4, kChannels = 3, kOutputs = 16;
  const Guarded<float> dout(2 * 2 * kOutputs), din(kSide * kSide * kChannels);
  const Guarded<float> scratch(conv3x3_vjp_scratch_floats(kSide, kChannels, kOutputs));
  const tests::PackedWeights w(std::vector<float>(kOutputs * 9 * kChannels), kOutputs, 9 * kChannels,
                               kernels::Number::kHalf);
  Conv3x3VjpInput c = {};
  c.dout = dout.data();
  c.w = w.panels();
  c.din = din.data();
  c.height = c.width = kSide;
  c.cin = kChannels;
  c.row_end = kSide;
  c.scratch = scratch.data();
  const auto broken = [&] { return broken_by([&] { best().conv3x3_vjp_input(c); }); };
  CHECK(broken().empty());
  c.row_begin = 1;
  CHECK(broken() == "rows begin with an even one");
  c.row_begin = 0;
  c.planar = true;
  c.pre = din.data();
  CHECK(broken() == "a planar gradient is the picture's");
  c.cin = 4;
  CHECK(broken() == "the weights have nine taps of cin channels");
}

TEST_CASE("resample: taps outside the row or the ring end the program") {
  const std::vector<uint8_t> row(3 * 8);
  const std::vector<int32_t> weights(4);
  const uint32_t first[] = {5};
  std::vector<uint8_t> interleaved(8 * kResampleRows * 4), out(kResampleRows * 4);
  ResampleHorizontal h = {};
  for (const uint8_t*& each : h.rows) each = row.data();
  h.pixels = 8;
  h.first = first;
  h.weights = weights.data();
  h.taps = 4;
  h.count = 1;
  h.interleaved = interleaved.data();
  h.out = out.data();
  h.out_stride = 4;
  CHECK(broken_by([&] { best().resample_horizontal(h); }) == "every tap is a pixel of the row");
  ResampleVertical v = {};
  v.ring = row.data();
  v.stride = 3;
  v.capacity = 3;
  v.weights = weights.data();
  v.taps = 4;
  v.out = out.data();
  v.width = 3;
  CHECK(broken_by([&] { best().resample_vertical(v); }) == "the rows lie in the ring");
}

TEST_CASE("softmax and hardswish: an output that covers part of the input ends the program") {
  std::vector<float> x(9);
  CHECK(broken_by([&] { best().softmax({x.data(), x.data() + 1, 1, 8}); }) == "y is x or another array");
  CHECK(broken_by([&] { best().hardswish({x.data() + 1, x.data(), 8}); }) == "y is x or another array");
  CHECK(broken_by([&] { best().softmax({x.data(), x.data(), 1, 9}); }).empty());
}

}  // namespace
}  // namespace levit::kernels

#endif  // LEVIT_ASSERTIONS
