#include "kernels/conv3x3.h"

#include "kernels/gemm.h"
#include "kernels/half.h"
#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3x3.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/hardswish-inl.h"

HWY_BEFORE_NAMESPACE();
namespace levit::kernels::HWY_NAMESPACE {

void gemm(const Gemm& g);

// A GEMM whose row x is three runs of 3 cin numbers, one in each input row, 2 cin further for the next x.
void conv3x3(const Conv3x3& c) {
  Gemm g = {};
  g.x = {c.in, 3, 3 * c.cin, 2 * c.cin};
  g.w = c.w;
  g.bias = c.bias;
  g.y = {c.out, c.w.outputs, c.w.outputs, 0};
  g.pre = {c.pre, c.w.outputs, c.w.outputs, 0};
  g.hardswish = c.hardswish;
  g.row_end = c.out_width;
  g.panel_end = panel_count(c.w.outputs);
  g.scratch = c.scratch;
  gemm(g);
}

namespace {

float weight(const Panels& w, size_t o, size_t k) {
  const size_t index = ((o / kPanelWidth) * w.depth + k) * kPanelWidth + o % kPanelWidth;
  return w.half ? half_to_float(static_cast<const uint16_t*>(w.data)[index])
                : static_cast<const float*>(w.data)[index];
}

}  // namespace

void conv3x3_vjp_input(const Conv3x3VjpInput& c) {
  const hn::CappedTag<float, 1> d;
  const size_t out_width = conv3x3_out(c.width);
  const size_t out_height = conv3x3_out(c.height);
  for (size_t y = c.row_begin; y < c.row_end; ++y) {
    for (size_t x = 0; x < c.width; ++x) {
      for (size_t i = 0; i < c.cin; ++i) {
        float sum = 0;
        for (size_t ky = (y + 1) % 2; ky < 3; ky += 2) {
          for (size_t kx = (x + 1) % 2; kx < 3; kx += 2) {
            const size_t oy = (y + 1 - ky) / 2;
            const size_t ox = (x + 1 - kx) / 2;
            for (size_t o = 0; oy < out_height && ox < out_width && o < c.w.outputs; ++o) {
              sum +=
                  c.dout[(oy * out_width + ox) * c.w.outputs + o] * weight(c.w, o, (ky * 3 + kx) * c.cin + i);
            }
          }
        }
        const size_t at = (y * c.width + x) * c.cin + i;
        if (c.pre != nullptr) {
          sum *= hn::GetLane(hardswish_slope(d, hn::Set(d, c.pre[at])));
        }
        c.din[c.planar ? (i * c.height + y) * c.width + x : at] = sum;
      }
    }
  }
}

void conv3x3_vjp_weights(const Conv3x3VjpWeights& c) {
  const size_t out_width = conv3x3_out(c.width);
  const size_t out_height = conv3x3_out(c.height);
  for (size_t oy = 0; oy < out_height; ++oy) {
    for (size_t ox = 0; ox < out_width; ++ox) {
      for (size_t o = 0; o < c.cout; ++o) {
        const float dout = c.dout[(oy * out_width + ox) * c.cout + o];
        c.db[o] += dout;
        for (size_t tap = 0; tap < 9; ++tap) {
          const size_t y = 2 * oy + tap / 3 - 1;  // the row above the picture wraps to a huge number
          const size_t x = 2 * ox + tap % 3 - 1;
          for (size_t i = 0; y < c.height && x < c.width && i < c.cin; ++i) {
            c.dw[(o * 9 + tap) * c.cin + i] += dout * c.in[(y * c.width + x) * c.cin + i];
          }
        }
      }
    }
  }
}

}  // namespace levit::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace levit::kernels {

size_t conv3x3_vjp_scratch_floats(size_t width, size_t cin, size_t cout) {
  (void)width;
  return 9 * panel_count(cout) * kPanelWidth * kPanelWidth * 2 + cin;
}

}  // namespace levit::kernels
#endif  // HWY_ONCE
