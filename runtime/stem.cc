// Rows of the stem on demand: asking for a row of a level asks for three of the level below.
//
// What streaming saves: the maps of the first three levels would take 1.4 MB a picture, twice the whole
// arena of a forward pass (0.73 MB), and would leave the cache between two convolutions. A worker's strip
// costs it the few rows above the strip a second time.
#include "runtime/stem.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv3x3.h"
#include "kernels/pixels.h"
#include "kernels/tokens.h"
#include "runtime/plan.h"

namespace levit::runtime {
namespace {

constexpr size_t kRing = 3;  // a convolution reads three rows and then moves down by two

size_t row_floats(const weights::Config& config, size_t level) {
  return kernels::conv3x3_row_floats(stem_side(config, level), stem_channels(config, level));
}

// Row y of a picture, pixel by pixel.
void load_row(const Pass& pass, size_t picture, size_t y, float* out) {
  const size_t side = config_of(pass.context).side, values = picture * kChannelsIn * side * side;
  const kernels::Dispatch& kernels = *pass.context.kernels;
  if (pass.input.rgb != nullptr) {
    const weights::Preprocessing& pixels = pass.context.network.view.preprocessing;
    kernels::NormaliseRow row{};
    row.rgb = pass.input.rgb + values + y * side * kChannelsIn;
    row.mean = pixels.mean;
    row.std = pixels.std;
    row.out = out;
    row.width = side;
    kernels.normalise_row(row);
  } else {
    const float* row = pass.input.tensor + values + y * side;
    kernels.interleave_row({{row, row + side * side, row + 2 * side * side}, out, side});
  }
}

// One row of a level from three of the level below; pre: of this row, may be null.
void convolve_row(const Pass& pass, size_t level, const float* const (&in)[3], float* out, float* pre,
                  float* scratch) {
  const weights::Config& config = config_of(pass.context);
  const Linear& layer = pass.context.network.stem[level - 1];
  kernels::Conv3x3 conv{};
  std::copy(in, in + 3, conv.in);
  conv.w = layer.w;
  conv.bias = layer.bias;
  conv.out = out;
  conv.pre = pre;
  conv.cin = stem_channels(config, level - 1);
  conv.out_width = stem_side(config, level);
  conv.hardswish = level < kStemLayers;
  conv.streams = level > 1 && pass.learns();  // the first one is read at once
  conv.scratch = scratch;
  pass.context.kernels->conv3x3(conv);
}

// One picture's rows, computed on demand from the top down.
class RowStream {
 public:
  // `top`: the first row of `level` that will be asked for.
  RowStream(const Pass& pass, size_t picture, size_t level, size_t top, float* scratch);

  // Row y of a level, from its zero pixel on; valid until row y + 3 is asked. Rows outside the picture are
  // zeros.
  const float* row(size_t level, ptrdiff_t y);

  // Where rows [begin, end) of a level also go before hardswish: [side, side, channels].
  void keep(size_t level, float* pre, Range rows) { kept_[level] = {pre, rows}; }

  // Computes one row of a level to `out` [side, channels].
  void convolve(size_t level, size_t y, float* out);

 private:
  struct Kept {
    float* pre;
    Range rows;
  };
  const Pass& pass_;
  const weights::Config& config_;
  size_t picture_;
  size_t next_[kStemLayers] = {};  // first row of each level not yet in its ring
  float* ring_[kStemLayers];
  Kept kept_[kStemLayers + 1] = {};
  const float* zeros_;
  float* scratch_;
};

RowStream::RowStream(const Pass& pass, size_t picture, size_t level, size_t top, float* scratch)
    : pass_(pass), config_(config_of(pass.context)), picture_(picture) {
  size_t zeros = 0;
  for (size_t i = 0; i < kStemLayers; ++i) {
    const size_t floats = row_floats(config_, i);
    ring_[i] = scratch;
    std::memset(scratch, 0, kRing * floats * sizeof(float));  // the pixels beside the picture stay zero
    scratch += kRing * floats;
    zeros = std::max(zeros, floats);
  }
  std::memset(scratch, 0, zeros * sizeof(float));
  zeros_ = scratch;
  const size_t used = static_cast<size_t>(scratch + zeros - ring_[0]);
  scratch_ = ring_[0] + round_to_line(used);
  if (level < kStemLayers) next_[level] = top;
  for (size_t i = level; i > 0; --i) {
    top = top == 0 ? 0 : 2 * top - 1;
    next_[i - 1] = top;
  }
}

const float* RowStream::row(size_t level, ptrdiff_t y) {
  if (y < 0 || static_cast<size_t>(y) >= stem_side(config_, level)) return zeros_;
  const size_t floats = row_floats(config_, level), row = static_cast<size_t>(y);
  for (; next_[level] <= row; ++next_[level]) {
    float* out = ring_[level] + next_[level] % kRing * floats + stem_channels(config_, level);
    if (level == 0)
      load_row(pass_, picture_, next_[level], out);
    else
      convolve(level, next_[level], out);
  }
  return ring_[level] + row % kRing * floats;
}

void RowStream::convolve(size_t level, size_t y, float* out) {
  const auto middle = static_cast<ptrdiff_t>(2 * y);
  const Kept& kept = kept_[level];
  const bool keeps = kept.pre != nullptr && y >= kept.rows.begin && y < kept.rows.end;
  const size_t floats = stem_side(config_, level) * stem_channels(config_, level);
  const float* const in[] = {row(level - 1, middle - 1), row(level - 1, middle), row(level - 1, middle + 1)};
  convolve_row(pass_, level, in, out, keeps ? kept.pre + y * floats : nullptr, scratch_);
}

// Rows of a level that belong to rows `strip` of the last one.
Range rows_of_strip(const weights::Config& config, size_t level, Range strip) {
  const size_t shift = kStemLayers - level, side = stem_side(config, level);
  const size_t begin = strip.begin << shift, end = strip.end << shift;
  return {begin, end < side ? end : side};
}

void report(const Pass& pass, Range pictures, bool back) {
  const Observer* observer = pass.context.observer;
  if (observer == nullptr) return;
  const weights::Config& config = config_of(pass.context);
  uint64_t products = 0;
  for (size_t level = 1; level <= kStemLayers; ++level) {
    const size_t side = stem_side(config, level);
    const kernels::Panels& w = pass.context.network.stem[level - 1].w;
    products += uint64_t{side * side} * w.outputs * w.depth;
  }
  observer->after(observer->context,
                  {"stem", 0, 0, false, back, pictures.size(), pictures.size() * products});
}

}  // namespace

size_t stem_scratch_floats(const weights::Config& config) {
  size_t rows = 0, widest = 0, conv = 0;
  for (size_t level = 0; level < kStemLayers; ++level) {
    rows += kRing * row_floats(config, level);
    widest = std::max(widest, row_floats(config, level));
    conv = std::max(conv, kernels::gemm_scratch_floats(9 * stem_channels(config, level)));
  }
  return round_to_line(rows + widest) + conv;
}

void stem(const Pass& pass, const Tokens& x, Range pictures) {
  const weights::Config& config = config_of(pass.context);
  const Step step{pass.context, kStepStem};
  const size_t side = stem_side(config, kStemLayers), workers = step.workers().count;
  const size_t strips = (workers + pictures.size() - 1) / pictures.size();
  parallel(step.workers(), pictures.size() * strips, [&](size_t index, size_t worker) {
    const size_t picture = index / strips;
    const Range strip = part_of(side, 1, strips, index % strips);
    RowStream stream(pass, pictures.begin + picture, kStemLayers, strip.begin, step.scratch(worker));
    for (size_t level = 2; level < kStemLayers && pass.keeps_stem(); ++level)
      stream.keep(level, pass.context.at(pass.context.plan.stem_pre[level], 0, pictures.begin + picture),
                  rows_of_strip(config, level, strip));
    for (size_t y = strip.begin; y < strip.end; ++y)
      stream.convolve(kStemLayers, y, data(x) + (picture * side + y) * side * channels(x));
  });
  report(pass, pictures, false);
}

namespace {

// The input of the first hardswish, which no pass keeps: it costs 2 % of the network to compute again.
void recompute_first(const Pass& pass, const Step& step, size_t picture, float* pre) {
  const size_t side = stem_side(config_of(pass.context), 1), workers = step.workers().count;
  parallel(step.workers(), workers, [&](size_t index, size_t worker) {
    const Range rows = part_of(side, 1, workers, index);
    RowStream stream(pass, picture, 1, rows.begin, step.scratch(worker));
    stream.keep(1, pre, rows);
    for (size_t y = rows.begin; y < rows.end; ++y) stream.row(1, static_cast<ptrdiff_t>(y));
  });
}

// Rows `rows` of din at a level; the other pointers are at the first row of their maps, of which `height`
// rows of din exist.
void vjp_input(const Pass& pass, const Step& step, size_t worker, size_t level, size_t height, Range rows,
               const float* dout, const float* pre, float* din) {
  const weights::Config& config = config_of(pass.context);
  kernels::Conv3x3VjpInput conv{};
  conv.dout = dout;
  conv.w = pass.context.network.stem[level].w;
  conv.pre = pre;
  conv.din = din;
  conv.planar = level == 0;
  conv.height = height;
  conv.width = stem_side(config, level);
  conv.cin = stem_channels(config, level);
  conv.row_begin = rows.begin;
  conv.row_end = rows.end;
  conv.scratch = step.scratch(worker);
  step.kernels().conv3x3_vjp_input(conv);
}

#ifdef LEVIT_TRAIN
// Rows of a map with the zero pixels around them, as parameter gradients take them. All sides of the stem are
// even: no zero pixel on the right or below.
struct PaddedRows {
  float* data;
  size_t side, channels, floats;  // floats: of a row

  PaddedRows(const Pass& pass, size_t level, size_t rows)
      : data(pass.context.at(pass.context.plan.stem_out[level])),
        side(stem_side(config_of(pass.context), level)),
        channels(stem_channels(config_of(pass.context), level)),
        floats(row_floats(config_of(pass.context), level)) {
    static_assert(weights::kSide % (1 << kStemLayers) == 0);
    std::memset(data, 0, floats * sizeof(float));
    for (size_t y = 0; y < rows; ++y) std::memset(data + (y + 1) * floats, 0, channels * sizeof(float));
  }
  float* row(size_t y) const { return data + (y + 1) * floats + channels; }
  // The last of `rows` rows becomes the one above the next.
  void advance(size_t rows) const { std::memcpy(data, data + rows * floats, floats * sizeof(float)); }
};

// Parameter gradients of a level from `rows` rows of its input, the first ones of a picture or further ones.
void add_parameter_gradients(const Pass& pass, const Step& step, size_t picture, size_t level,
                             const PaddedRows& in, size_t rows, bool first, const float* dout) {
  const Linear& layer = pass.context.network.stem[level];
  kernels::Conv3x3VjpWeights conv{};
  conv.dout = dout;
  conv.in = in.data;
  conv.height = rows;
  conv.width = in.side;
  conv.cin = in.channels;
  conv.cout = layer.w.outputs;
  conv.dw = pass.parameters->of(layer.w.data, picture);
  conv.db = pass.parameters->of(layer.bias, picture);
  conv.adds = !first || picture + 1 != pass.parameters->share_around(picture).end;
  conv.scratch = step.scratch(0);
  step.kernels().conv3x3_vjp_weights(conv);
}

// Levels 1 and 0 of a picture, kStemStrip rows of level 1 at a time, so that their maps, 3 MB, are made and
// read within a second-level cache: 6 % of the stem's way back. dout: the gradient at level 2.
void vjp_in_strips(const Pass& pass, const Step& step, size_t picture, const float* dout) {
  const PaddedRows pixels(pass, 0, 2 * kStemStrip), first(pass, 1, kStemStrip);
  float* const pre = pass.context.at(pass.context.plan.stem_pre[1]);
  float* const din = pass.context.at(pass.context.plan.d_stem[1]);
  const size_t side = first.side, floats = side * first.channels;
  for (size_t begin = 0, rows; begin < side; begin += rows) {
    rows = std::min(kStemStrip, side - begin);
    for (size_t y = 0; y < rows; ++y) {
      for (size_t i = 2 * y; i < 2 * y + 2; ++i) load_row(pass, picture, 2 * begin + i, pixels.row(i));
      const float* const in = pixels.data + 2 * y * pixels.floats;
      convolve_row(pass, 1, {in, in + pixels.floats, in + 2 * pixels.floats}, first.row(y), pre + y * floats,
                   step.scratch(0));
    }
    vjp_input(pass, step, 0, 1, side - begin, {0, rows}, dout, pre, din);
    add_parameter_gradients(pass, step, picture, 1, first, rows, begin == 0, dout);
    add_parameter_gradients(pass, step, picture, 0, pixels, 2 * rows, begin == 0, din);
    first.advance(rows);
    pixels.advance(2 * rows);
    dout += rows / 2 * (side / 2) * stem_channels(config_of(pass.context), 2);
  }
}

// One picture; dx: its gradient at the stem's output.
void vjp_with_parameters(const Pass& pass, const Step& step, size_t picture, const float* dx) {
  const levit_context& context = pass.context;
  const float* dout = dx;
  for (size_t level = kStemLayers - 1; level > 1; --level) {
    const float* const pre = context.at(context.plan.stem_pre[level], 0, picture);
    float* const din = context.at(context.plan.d_stem[level]);
    const size_t side = stem_side(config_of(context), level);
    const PaddedRows map(pass, level, side);
    const size_t floats = side * map.channels;
    // First, because it brings `pre` from memory into the cache, row after row.
    for (size_t y = 0; y < side; ++y) step.kernels().hardswish({pre + y * floats, map.row(y), floats});
    vjp_input(pass, step, 0, level, side, {0, side}, dout, pre, din);
    add_parameter_gradients(pass, step, picture, level, map, side, true, dout);
    dout = din;
  }
  vjp_in_strips(pass, step, picture, dout);
}
#endif

}  // namespace

void stem_vjp(const Pass& pass, const Tokens& dx, Range pictures) {
  const levit_context& context = pass.context;
  const weights::Config& config = config_of(context);
  const Step step{context, mirror(kStepStem)};
  const size_t side_out = stem_side(config, kStemLayers), pixels = kChannelsIn * config.side * config.side;
  for (size_t picture = pictures.begin; picture < pictures.end; ++picture) {
    const float* dout = data(dx) + (picture - pictures.begin) * side_out * side_out * channels(dx);
#ifdef LEVIT_TRAIN  // names that do not exist elsewhere
    if (pass.learns()) {
      vjp_with_parameters(pass, step, picture, dout);
      continue;
    }
#endif
    recompute_first(pass, step, picture, context.at(context.plan.stem_pre[1]));
    for (size_t level = kStemLayers; level-- > 0;) {
      const size_t side = stem_side(config, level);
      const float* const pre = level == 0 ? nullptr : context.at(context.plan.stem_pre[level], 0, picture);
      float* const din =
          level == 0 ? pass.gradient + picture * pixels : context.at(context.plan.d_stem[level]);
      parallel(step.workers(), step.workers().count, [&](size_t index, size_t worker) {
        const Range rows = part_of(side, 2, step.workers().count, index);
        vjp_input(pass, step, worker, level, side, rows, dout, pre, din);
      });
      dout = din;
    }
  }
  report(pass, pictures, true);
}

}  // namespace levit::runtime
