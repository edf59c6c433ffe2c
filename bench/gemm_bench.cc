// GEMM and its VJPs on the linear layers of LeViT-128s for one picture, fp16 weights.
//   kernels_bench --benchmark_filter='gemm/AVX3'
#include <memory>

#include "bench/support.h"
#include "kernels/gemm.h"
#include "kernels/reference.h"

namespace levit::bench {
namespace {

using kernels::Dispatch;

struct Layer {
  const char* name;
  size_t rows, outputs, depth;
  bool hardswish, residual;
};

constexpr Layer kLayers[] = {
    {"stage0.qkv", 196, 256, 128, false, false},    {"stage0.proj", 196, 128, 128, false, true},
    {"stage0.mlp1", 196, 256, 128, true, false},    {"stage0.mlp2", 196, 128, 256, false, true},
    {"down1.kv", 196, 640, 128, false, false},      {"down1.q", 49, 128, 128, false, false},
    {"down1.proj", 49, 256, 512, false, false},     {"stage1.qkv", 49, 384, 256, false, false},
    {"stage1.proj", 49, 256, 192, false, true},     {"stage1.mlp1", 49, 512, 256, true, false},
    {"stage1.mlp2", 49, 256, 512, false, true},     {"down2.kv", 49, 1280, 256, false, false},
    {"down2.q", 16, 256, 256, false, false},        {"down2.proj", 16, 384, 1024, false, false},
    {"stage2.qkv", 16, 512, 384, false, false},     {"stage2.proj", 16, 384, 256, false, true},
    {"stage2.mlp1", 16, 768, 384, true, false},     {"stage2.mlp2", 16, 384, 768, false, true},
    {"stage2.mlp1x16", 256, 768, 384, true, false},
};

double products(const Layer& l) {
  return static_cast<double>(l.rows) * static_cast<double>(l.outputs) * static_cast<double>(l.depth);
}

// All numbers lie in [-1, 1): a sum of `terms` products is rounded at most terms times, and hardswish adds
// half to that.
double tolerance(size_t terms) {
  return 1.5 * 0x1p-24 * static_cast<double>((terms + 8) * (terms + 8));
}

// What a case works on, alive as long as its functions.
struct Data {
  explicit Data(const Layer& l)
      : w(l.outputs, l.depth),
        x(l.rows * l.depth),
        bias(kernels::panel_count(l.outputs) * kernels::kPanelWidth),
        y(l.rows * l.outputs),
        dx(l.rows * l.depth),
        scratch(kernels::gemm_scratch_floats(l.depth) + kernels::gemm_vjp_scratch_floats(l.outputs)),
        x_row(x.data()),
        y_row(y.data()) {}
  Weights w;
  Numbers x, bias, y, dx, scratch;
  const float* x_row;
  const float* y_row;
};

Case forward(const Layer& l) {
  auto d = std::make_shared<Data>(l);
  auto residual = std::make_shared<Numbers>(l.rows * l.outputs);
  const auto run = [d, residual, l](const Dispatch& kernels) {
    kernels::Gemm g = {};
    g.x = {&d->x_row, 1, l.depth, l.depth};
    g.w = d->w.panels();
    g.bias = d->bias.data();
    g.y = {d->y.data(), l.outputs, l.outputs, 0};
    g.residual = l.residual ? residual->data() : nullptr;
    g.hardswish = l.hardswish;
    g.row_end = l.rows;
    g.column_end = l.outputs;
    g.scratch = d->scratch.data();
    kernels.gemm(g);
  };
  const auto expected = [d, residual, l] {
    std::vector<double> y(l.rows * l.outputs);
    kernels::reference::linear(d->x.wide().data(), d->w.values.data(), d->bias.wide().data(), l.rows,
                               l.outputs, l.depth, y.data());
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = l.hardswish ? kernels::reference::hardswish(y[i]) : y[i];
      y[i] += l.residual ? static_cast<double>(residual->data()[i]) : 0;
    }
    return y;
  };
  Case c = {};
  c.products = products(l);
  c.run = run;
  c.y = d->y.data();
  c.expected = expected;
  c.tolerance = tolerance(l.depth);
  return c;
}

// dx = dy W: linear() with W transposed.
Case input_vjp(const Layer& l) {
  auto d = std::make_shared<Data>(l);
  const auto run = [d, l](const Dispatch& kernels) {
    kernels::Gemm g = {};
    g.x = {&d->y_row, 1, l.outputs, l.outputs};
    g.w = d->w.panels();
    g.y = {d->dx.data(), l.depth, l.depth, 0};
    g.row_end = l.rows;
    g.column_end = l.depth;
    g.scratch = d->scratch.data();
    kernels.gemm_vjp_input(g);
  };
  const auto expected = [d, l] {
    std::vector<double> transposed(l.outputs * l.depth), dx(l.rows * l.depth);
    for (size_t i = 0; i < transposed.size(); ++i) {
      transposed[i % l.depth * l.outputs + i / l.depth] = d->w.values[i];
    }
    kernels::reference::linear<double>(d->y.wide().data(), transposed.data(), nullptr, l.rows, l.depth,
                                       l.outputs, dx.data());
    return dx;
  };
  Case c = {};
  c.products = products(l);
  c.run = run;
  c.y = d->dx.data();
  c.expected = expected;
  c.tolerance = tolerance(l.outputs);
  return c;
}

// dw = dy^T x, from zeros.
Case weights_vjp(const Layer& l) {
  auto d = std::make_shared<Data>(l);
  auto dw = std::make_shared<std::vector<float>>(kernels::panel_values(l.outputs, l.depth));
  auto db = std::make_shared<std::vector<float>>(kernels::panel_values(l.outputs, 1));
  const auto run = [d, dw, db, l](const Dispatch& kernels) {
    alignas(64) float scratch[kernels::kWeightScratchFloats];
    kernels::GemmVjpWeights g = {};
    g.dy = {&d->y_row, 1, l.outputs, l.outputs};
    g.x = {&d->x_row, 1, l.depth, l.depth};
    g.rows = l.rows;
    g.dw = dw->data();
    g.db = db->data();
    g.column_end = l.outputs;
    g.scratch = scratch;
    kernels.gemm_vjp_weights(g);
  };
  const auto expected = [d, l] {
    constexpr size_t kWidth = kernels::kPanelWidth;
    std::vector<double> sum(kernels::panel_values(l.outputs, l.depth));
    const std::vector<double> x = d->x.wide(), dy = d->y.wide();
    for (size_t i = 0; i < sum.size(); ++i) {
      const size_t n = i / (l.depth * kWidth) * kWidth + i % kWidth, k = i / kWidth % l.depth;
      for (size_t m = 0; m < l.rows && n < l.outputs; ++m) {
        sum[i] += dy[m * l.outputs + n] * x[m * l.depth + k];
      }
    }
    return sum;
  };
  Case c = {};
  c.products = products(l);
  c.run = run;
  c.y = dw->data();
  c.expected = expected;
  c.tolerance = tolerance(l.rows);
  return c;
}

[[maybe_unused]] const bool kRegistered = [] {
  for (const Layer& l : kLayers) {
    register_case("gemm", l.name, [&l] { return forward(l); });
    register_case("gemm_vjp_input", l.name, [&l] { return input_vjp(l); });
    register_case("gemm_vjp_weights", l.name, [&l] { return weights_vjp(l); });
  }
  return true;
}();

}  // namespace
}  // namespace levit::bench
