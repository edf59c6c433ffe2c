// Guarded pages, panels from plain matrices, complex steps and the comparison that reports the worst number.
#include "tests/kernels/support.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "doctest/doctest.h"
#include "tests/support/npy.h"
#include "tools/checkpoint/writer.h"

namespace levit::tests {

GuardedPages::GuardedPages(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t inner = (bytes + page - 1) / page * page;
  map_bytes_ = inner + 2 * page;
  map_ = mmap(nullptr, map_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* first = static_cast<char*>(map_) + page;
  if (map_ == MAP_FAILED || (inner > 0 && mprotect(first, inner, PROT_READ | PROT_WRITE) != 0)) {
    throw std::bad_alloc();
  }
  data_ = first + inner - bytes;
}

GuardedPages::~GuardedPages() {
  munmap(map_, map_bytes_);
}

void for_each_target(const std::function<void(const kernels::Dispatch&)>& check) {
  size_t count = 0;
  const kernels::Dispatch* const* targets = kernels::supported_targets(&count);
  for (size_t i = 0; i < count; ++i) {
    CAPTURE(targets[i]->name);
    check(*targets[i]);
  }
}

std::vector<float> seeded(const std::string& name, size_t count, double scale) {
  std::vector<float> values;
  values.reserve(count);
  for (const double u : uniform(name, count)) {
    values.push_back(static_cast<float>(scale * u));
  }
  return values;
}

std::vector<Complex> to_complex(const std::vector<float>& values) {
  std::vector<Complex> result;
  result.reserve(values.size());
  for (const float v : values) {
    result.emplace_back(static_cast<double>(v), 0.0);
  }
  return result;
}

std::vector<double> magnitudes(const std::vector<float>& values) {
  std::vector<double> result;
  result.reserve(values.size());
  for (const float v : values) {
    result.push_back(std::fabs(static_cast<double>(v)));
  }
  return result;
}

PackedWeights::PackedWeights(const std::vector<float>& w, size_t outputs_, size_t depth_,
                             kernels::Number number_)
    : number(number_),
      outputs(outputs_),
      depth(depth_),
      weights(w),
      bytes(kernels::panel_values(outputs, depth) * kernels::size_of(number)),
      scale(kernels::panel_count(outputs) * kernels::kPanelWidth) {
  std::fill(bytes.begin(), bytes.end(), uint8_t{0});
  std::fill(scale.begin(), scale.end(), 0.0f);
  for (size_t n = 0; n < outputs; ++n) {
    scale[n] = (1 + static_cast<float>(n % 3)) / 128;  // of weights up to 1: some are beyond -128 and 127
    for (size_t k = 0; k < depth; ++k) {
      const size_t at =
          (n / kernels::kPanelWidth * depth + k) * kernels::kPanelWidth + n % kernels::kPanelWidth;
      float& value = weights[n * depth + k];
      if (number == kernels::Number::kInt8) {
        const float step = std::fmin(std::fmax(std::nearbyint(value / scale[n]), -128.0f), 127.0f);
        value = scale[n] * step;
        bytes[at] = static_cast<uint8_t>(static_cast<int8_t>(step));
      } else if (number == kernels::Number::kHalf) {
        const uint16_t bits = tools::round_to_half(static_cast<double>(value)).bits;
        value = kernels::half_to_float(bits);
        std::memcpy(bytes.data() + at * sizeof bits, &bits, sizeof bits);
      } else {
        std::memcpy(bytes.data() + at * sizeof value, &value, sizeof value);
      }
    }
  }
}

std::vector<float> from_panels(const float* panels, size_t outputs, size_t depth) {
  constexpr size_t kWidth = kernels::kPanelWidth;
  std::vector<float> w(outputs * depth);
  size_t wrong = 0;
  for (size_t i = 0; i < kernels::panel_values(outputs, depth); ++i) {
    const size_t n = i / (depth * kWidth) * kWidth + i % kWidth, k = i / kWidth % depth;
    if (n < outputs) {
      w[n * depth + k] = panels[i];
    } else {
      wrong += panels[i] != 0;
    }
  }
  CHECK(wrong == 0);
  return w;
}

Guarded<float> padded_to_panels(const std::vector<float>& values) {
  std::vector<float> padded = values;
  padded.resize(kernels::panel_count(values.size()) * kernels::kPanelWidth);
  return Guarded<float>(padded);
}

std::vector<double> complex_step(const std::vector<float>& x, const std::vector<float>& dy,
                                 const std::function<std::vector<Complex>(const std::vector<Complex>&)>& f) {
  constexpr double kStep = 1e-30;
  std::vector<Complex> point = to_complex(x);
  std::vector<double> gradient;
  for (Complex& coordinate : point) {
    coordinate.imag(kStep);
    const std::vector<Complex> y = f(point);
    coordinate.imag(0);
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      sum += static_cast<double>(dy[i]) * y[i].imag();
    }
    gradient.push_back(sum / kStep);
  }
  return gradient;
}

void check_close(const float* actual, const std::vector<double>& expected,
                 const std::vector<double>& tolerance) {
  REQUIRE(expected.size() == tolerance.size());
  size_t worst = 0;
  double worst_excess = -1;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = std::fabs(static_cast<double>(actual[i]) - expected[i]);
    const double excess = error - tolerance[i];
    if (!(excess <= worst_excess) || i == 0) {  // a NaN is the worst
      worst = i;
      worst_excess = excess;
    }
    if (std::isnan(excess)) {
      break;
    }
  }
  if (!expected.empty()) {
    CAPTURE(worst);
    CAPTURE(tolerance[worst]);
    CAPTURE(actual[worst]);
    CAPTURE(expected[worst]);
    CHECK(worst_excess <= 0);
  }
}

}  // namespace levit::tests
