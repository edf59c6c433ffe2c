// The four convolutions of LeViT-128s' stem and their VJPs, a whole picture each, fp16 weights.
//   kernels_bench --benchmark_filter='conv3x3.*/AVX3'
#include <algorithm>
#include <memory>

#include "bench/support.h"
#include "kernels/conv3x3.h"
#include "kernels/gemm.h"
#include "kernels/reference.h"

namespace levit::bench {
namespace {

using kernels::Dispatch;

struct Layer {
  const char* name;
  size_t side, cin, cout;
  bool hardswish;
  size_t out_side() const { return kernels::conv3x3_out(side); }
  size_t out() const { return out_side() * out_side() * cout; }
  size_t in() const { return side * side * cin; }
};

constexpr Layer kLayers[] = {{"conv1", 224, 3, 16, true},
                             {"conv2", 112, 16, 32, true},
                             {"conv3", 56, 32, 64, true},
                             {"conv4", 28, 64, 128, false}};

double products(const Layer& l) {
  return static_cast<double>(l.out()) * static_cast<double>(9 * l.cin);
}

// As in gemm_bench.cc.
double tolerance(size_t terms) {
  return 1.5 * 0x1p-24 * static_cast<double>((terms + 8) * (terms + 8));
}

struct Data {
  explicit Data(const Layer& l)
      : w(l.cout, 9 * l.cin),
        bias(kernels::panel_count(l.cout) * kernels::kPanelWidth),
        in(l.in()),
        out(l.out()),
        din(l.in()),
        scratch(kernels::gemm_scratch_floats(9 * l.cin) +
                kernels::conv3x3_vjp_scratch_floats(l.side, l.cin, l.cout)),
        row_floats(kernels::conv3x3_row_floats(l.side, l.cin)),
        rows((l.side + 1) * row_floats) {
    for (size_t y = 0; y < l.side; ++y) {
      std::copy_n(in.data() + y * l.side * l.cin, l.side * l.cin, rows.data() + (y + 1) * row_floats + l.cin);
    }
  }
  Weights w;
  Numbers bias, in, out, din, scratch;
  size_t row_floats;
  std::vector<float> rows;  // padded with zeros above and on the left
};

Case forward(const Layer& l) {
  auto d = std::make_shared<Data>(l);
  const auto run = [d, l](const Dispatch& kernels) {
    for (size_t y = 0; y < l.out_side(); ++y) {
      const float* in = d->rows.data() + 2 * y * d->row_floats;
      kernels::Conv3x3 c = {};
      c.in[0] = in;
      c.in[1] = in + d->row_floats;
      c.in[2] = in + 2 * d->row_floats;
      c.w = d->w.panels();
      c.bias = d->bias.data();
      c.out = d->out.data() + y * l.out_side() * l.cout;
      c.cin = l.cin;
      c.out_width = l.out_side();
      c.hardswish = l.hardswish;
      c.scratch = d->scratch.data();
      kernels.conv3x3(c);
    }
  };
  const auto expected = [d, l] {
    std::vector<double> out(l.out());
    kernels::reference::conv3x3(d->in.wide().data(), d->w.values.data(), d->bias.wide().data(), l.side,
                                l.side, l.cin, l.cout, out.data());
    for (double& value : out) {
      value = l.hardswish ? kernels::reference::hardswish(value) : value;
    }
    return out;
  };
  Case c = {};
  c.products = products(l);
  c.run = run;
  c.y = d->out.data();
  c.expected = expected;
  c.tolerance = tolerance(9 * l.cin);
  return c;
}

// The gradient of the picture is planar, as the network asks for it.
Case input_vjp(const Layer& l) {
  auto d = std::make_shared<Data>(l);
  const bool planar = l.cin == kernels::kPlanarChannels;
  const auto run = [d, l, planar](const Dispatch& kernels) {
    kernels::Conv3x3VjpInput c = {};
    c.dout = d->out.data();
    c.w = d->w.panels();
    c.din = d->din.data();
    c.planar = planar;
    c.height = l.side;
    c.width = l.side;
    c.cin = l.cin;
    c.row_end = l.side;
    c.scratch = d->scratch.data();
    kernels.conv3x3_vjp_input(c);
  };
  // Every output pixel gives to the up to nine input pixels that it was made from.
  const auto expected = [d, l, planar] {
    std::vector<double> din(l.in());
    const std::vector<double> dout = d->out.wide();
    for (size_t i = 0; i < dout.size(); ++i) {
      const size_t o = i % l.cout, y = i / l.cout / l.out_side(), x = i / l.cout % l.out_side();
      for (size_t tap = 0; tap < 9; ++tap) {
        const size_t iy = 2 * y + tap / 3 - 1, ix = 2 * x + tap % 3 - 1;
        for (size_t c = 0; iy < l.side && ix < l.side && c < l.cin; ++c) {
          din[planar ? (c * l.side + iy) * l.side + ix : (iy * l.side + ix) * l.cin + c] +=
              dout[i] * d->w.values[(o * 9 + tap) * l.cin + c];
        }
      }
    }
    return din;
  };
  Case c = {};
  c.products = products(l);
  c.run = run;
  c.y = d->din.data();
  c.expected = expected;
  c.tolerance = tolerance(4 * l.cout);
  return c;
}

[[maybe_unused]] const bool kRegistered = [] {
  for (const Layer& l : kLayers) {
    register_case("conv3x3", l.name, [&l] { return forward(l); });
    register_case("conv3x3_vjp_input", l.name, [&l] { return input_vjp(l); });
  }
  return true;
}();

}  // namespace
}  // namespace levit::bench
