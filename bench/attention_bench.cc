// Attention and its VJP, biases too, on the shapes of LeViT-128s: all heads of a picture, as the network lays
// them out.
//   kernels_bench --benchmark_filter='attention/AVX3'
#include <string>

#include "bench/support.h"
#include "kernels/attention.h"

namespace levit::kernels {
namespace {

using bench::Numbers;

struct Layer {
  const char* name;
  AttentionShape shape;
  size_t heads;
};

constexpr Layer kLayers[] = {
    {"stage0", {14, 1, 16, 32}, 4}, {"down1", {14, 2, 16, 64}, 8}, {"stage1", {7, 1, 16, 32}, 6},
    {"down2", {7, 2, 16, 64}, 16},  {"stage2", {4, 1, 16, 32}, 8},
};

// One picture. A head's rows lie together: [q | k | v] of a token in a block, [k | v] in a downsampling.
struct Picture {
  explicit Picture(const Layer& l)
      : layer(l),
        keys(l.shape.side * l.shape.side),
        queries(attention_query_side(l.shape) * attention_query_side(l.shape)),
        width((l.shape.stride == 1 ? 2 : 1) * l.shape.key + l.shape.value),
        kv(l.heads * keys * width),
        q(l.heads * queries * l.shape.key),
        bias(l.heads * keys),
        y(queries * l.heads * l.shape.value),
        dy(queries * l.heads * l.shape.value),
        dkv(l.heads * keys * width),
        dq(l.heads * queries * l.shape.key),
        dbias(l.heads * keys),
        scratch(attention_scratch_floats(l.shape) + attention_vjp_scratch_floats(l.shape)) {}

  Attention attention(size_t head) {
    const AttentionShape& s = layer.shape;
    float* const rows = kv.data() + head * keys * width;
    Attention a = {};
    a.shape = s;
    if (s.stride == 1) {
      a.q = {rows, width};
      a.k = {rows + s.key, width};
    } else {
      a.q = {q.data() + head * queries * s.key, s.key};
      a.k = {rows, width};
    }
    a.v = {a.k.data + s.key, width};
    a.bias_table = bias.data() + head * keys;
    a.y = {y.data() + head * s.value, layer.heads * s.value};
    a.hardswish = true;
    a.query_end = queries;
    a.scratch = scratch.data();
    return a;
  }

  AttentionVjp vjp(size_t head) {
    const AttentionShape& s = layer.shape;
    const Attention a = attention(head);
    float* const rows = dkv.data() + head * keys * width;
    float* const dk = s.stride == 1 ? rows + s.key : rows;
    AttentionVjp g = {};
    g.shape = s;
    g.q = a.q;
    g.k = a.k;
    g.v = a.v;
    g.bias_table = a.bias_table;
    g.dy = {dy.data() + head * s.value, a.y.stride};
    g.dq = {s.stride == 1 ? rows : dq.data() + head * queries * s.key, a.q.stride};
    g.dk = {dk, width};
    g.dv = {dk + s.key, width};
    g.dbias_table = dbias.data() + head * keys;
    g.scratch = scratch.data();
    return g;
  }

  Layer layer;
  size_t keys, queries, width;
  Numbers kv, q, bias, y, dy, dkv, dq, dbias, scratch;
};

// Counts the products alone; `widths` is the sum of the inner widths.
void report(benchmark::State& state, const Dispatch& kernels, const Picture& p, size_t widths) {
  bench::report(state, kernels, static_cast<double>(p.layer.heads * p.queries * p.keys * widths));
}

void forward(benchmark::State& state, const Dispatch& kernels, const Layer& layer) {
  Picture p(layer);
  for ([[maybe_unused]] const auto iteration : state) {
    for (size_t h = 0; h < layer.heads; ++h) {
      kernels.attention(p.attention(h));
    }
    benchmark::ClobberMemory();
  }
  report(state, kernels, p, layer.shape.key + layer.shape.value);
}

void backward(benchmark::State& state, const Dispatch& kernels, const Layer& layer) {
  Picture p(layer);
  for ([[maybe_unused]] const auto iteration : state) {
    for (size_t h = 0; h < layer.heads; ++h) {
      kernels.attention_vjp(p.vjp(h));
    }
    benchmark::ClobberMemory();
  }
  report(state, kernels, p, 3 * layer.shape.key + 2 * layer.shape.value);
}

[[maybe_unused]] const bool kRegistered = [] {
  size_t count = 0;
  const Dispatch* const* targets = supported_targets(&count);
  for (size_t i = 0; i < count; ++i) {
    for (const Layer& layer : kLayers) {
      const std::string name = std::string(targets[i]->name) + "/" + layer.name;
      const Dispatch& kernels = *targets[i];
      benchmark::RegisterBenchmark(("attention/" + name).c_str(), [&](benchmark::State& state) {
        forward(state, kernels, layer);
      })->Unit(benchmark::kMicrosecond);
      benchmark::RegisterBenchmark(("attention_vjp/" + name).c_str(), [&](benchmark::State& state) {
        backward(state, kernels, layer);
      })->Unit(benchmark::kMicrosecond);
    }
  }
  return true;
}();

}  // namespace
}  // namespace levit::kernels
