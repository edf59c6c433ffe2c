// Weight gradients of GEMM against complex steps.
#include <algorithm>
#include <vector>

#include "doctest/doctest.h"
#include "kernels/gemm.h"
#include "kernels/reference.h"
#include "tests/kernels/support.h"

namespace levit::kernels {
namespace {

using tests::Complex;
using tests::Guarded;
using tests::PackedWeights;

struct Shape {
  size_t rows, outputs, depth;
};

TEST_CASE("gemm_vjp_weights: every target adds the complex-step gradients to dw and db") {
  for (const Shape& s :
       {Shape{1, 2, 3}, Shape{7, 9, 17}, Shape{5, 24, 33}, Shape{20, 3, 64}, Shape{300, 40, 5}}) {
    CAPTURE(s.rows);
    const Guarded<float> x(tests::seeded("weights.x", s.rows * s.depth));
    const Guarded<float> dy(tests::seeded("weights.dy", s.rows * s.outputs));
    const std::vector<float> parameters = tests::seeded("weights.w", s.outputs * (s.depth + 1));
    const std::vector<Complex> cx = tests::to_complex(x.values());
    std::vector<double> expected =
        tests::complex_step(parameters, dy.values(), [&](const std::vector<Complex>& p) {
          std::vector<Complex> y(s.rows * s.outputs);
          reference::linear(cx.data(), p.data(), p.data() + s.outputs * s.depth, s.rows, s.outputs, s.depth,
                            y.data());
          return y;
        });
    // Every |x| and |dy| is at most 1, and the sums start at a number of at most 1.
    const std::vector<double> tolerances(expected.size(),
                                         tests::product_tolerance(s.rows, static_cast<double>(s.rows) + 1));
    const std::vector<float> start = tests::seeded("weights.start", expected.size());
    const std::vector<double> from_zero = expected;
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] += static_cast<double>(start[i]);
    }
    const Guarded<float> scratch(kWeightScratchFloats);
    tests::for_each_target([&](const Dispatch& kernels) {
      const std::vector<float> bias(start.end() - static_cast<ptrdiff_t>(s.outputs), start.end());
      const PackedWeights dw({start.begin(), start.end() - static_cast<ptrdiff_t>(s.outputs)}, s.outputs,
                             s.depth, Number::kFloat);
      const Guarded<float> db = tests::padded_to_panels(bias);
      const float* x_segment = x.data();
      const float* dy_segment = dy.data();
      GemmVjpWeights g = {};
      g.dy = {&dy_segment, 1, s.outputs, s.outputs};
      g.x = {&x_segment, 1, s.depth, s.depth};
      g.rows = s.rows;
      g.dw = reinterpret_cast<float*>(dw.bytes.data());
      g.db = db.data();
      g.adds = true;
      g.column_end = s.outputs;
      g.scratch = scratch.data();
      const auto values = [&] {
        std::vector<float> all = tests::from_panels(g.dw, s.outputs, s.depth);
        all.insert(all.end(), db.begin(), db.begin() + s.outputs);
        return all;
      };
      kernels.gemm_vjp_weights(g);
      tests::check_close(values().data(), expected, tolerances);
      g.adds = false;
      kernels.gemm_vjp_weights(g);
      const std::vector<float> whole = values();
      tests::check_close(whole.data(), from_zero, tolerances);

      // How rows and columns are cut into calls changes no bit.
      const size_t cut = (s.rows + 1) / 2, column = std::min(kPanelWidth, s.outputs);
      const float *x_rest = x_segment + cut * s.depth, *dy_rest = dy_segment + cut * s.outputs;
      for (const bool right : {false, true}) {
        GemmVjpWeights part = g;
        part.column_begin = right ? column : 0;
        part.column_end = right ? s.outputs : column;
        part.rows = cut;
        if (part.column_begin == part.column_end) continue;
        kernels.gemm_vjp_weights(part);
        part.adds = true;
        part.rows = s.rows - cut;
        part.x.segment = &x_rest;
        part.dy.segment = &dy_rest;
        if (part.rows > 0) kernels.gemm_vjp_weights(part);
      }
      CHECK(values() == whole);
    });
  }
}

}  // namespace
}  // namespace levit::kernels
