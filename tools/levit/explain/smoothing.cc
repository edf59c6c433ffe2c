// Eigen-smooth, aug-smooth and SHAP with noise; each beside the formula of the tool it comes from.
#include "tools/levit/explain/smoothing.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/mt19937.h"

namespace levit::tools {
namespace {

// Standard normal numbers, the same on every machine (Box and Muller 1958).
class Normal {
 public:
  explicit Normal(uint32_t seed) : random_(seed) {}

  float next() {
    if (has_second_) {
      has_second_ = false;
      return second_;
    }
    constexpr double kPi = 3.141592653589793;
    const double radius = std::sqrt(-2 * std::log(1 - random_.uniform()));
    const double angle = 2 * kPi * random_.uniform();
    second_ = static_cast<float>(radius * std::sin(angle));
    has_second_ = true;
    return static_cast<float>(radius * std::cos(angle));
  }

 private:
  runtime::Mt19937 random_;
  float second_ = 0;
  bool has_second_ = false;
};

double score(const std::vector<float>& logits, const std::vector<float>& direction) {
  return std::inner_product(logits.begin(), logits.end(), direction.begin(), 0.0, std::plus<>(),
                            [](float a, float b) { return static_cast<double>(a) * static_cast<double>(b); });
}

}  // namespace

Grid eigen_smoothed(levit_cam_method method, const std::vector<float>& activation,
                    const std::vector<float>& gradient, size_t side) {
  const size_t tokens = side * side, channels = activation.size() / tokens;
  Eigen::MatrixXd weighted(static_cast<long>(tokens), static_cast<long>(channels));
  std::vector<float> a(tokens), g(tokens), map(tokens);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t t = 0; t < tokens; ++t) {
      a[t] = activation[t * channels + c];
      g[t] = gradient[t * channels + c];
    }
    check(levit_cam_from(method, a.data(), g.data(), tokens, 1, map.data()));  // of this channel alone
    for (size_t t = 0; t < tokens; ++t)
      weighted(static_cast<long>(t), static_cast<long>(c)) = static_cast<double>(map[t]);
  }
  const Eigen::VectorXd sum = weighted.rowwise().sum();
  weighted.rowwise() -= weighted.colwise().mean();
  // The projection on the first right singular vector is the first left one times its singular value.
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(weighted * weighted.transpose());
  const long last = static_cast<long>(tokens) - 1;  // eigenvalues rise
  Eigen::VectorXd projection =
      solver.eigenvectors().col(last) * std::sqrt(std::max(solver.eigenvalues()(last), 0.0));
  if (projection.dot(sum) < 0) projection = -projection;
  Grid result = {side, std::vector<float>(tokens)};
  for (size_t t = 0; t < tokens; ++t) result.values[t] = static_cast<float>(projection(static_cast<long>(t)));
  return result;
}

std::vector<float> mirrored(const std::vector<float>& planes, size_t side) {
  std::vector<float> result(planes);
  for (auto row = result.begin(); row != result.end(); row += static_cast<long>(side))
    std::reverse(row, row + static_cast<long>(side));
  return result;
}

void for_each_augmentation(const std::vector<float>& tensor,
                           const std::function<void(const std::vector<float>&, bool)>& view) {
  const std::vector<float> mirror = mirrored(tensor, LEVIT_SIDE);
  std::vector<float> scaled(tensor.size());
  for (const bool flipped : {false, true}) {
    for (const float factor : {0.9F, 1.0F, 1.1F}) {
      const std::vector<float>& from = flipped ? mirror : tensor;
      std::transform(from.begin(), from.end(), scaled.begin(), [factor](float x) { return factor * x; });
      view(scaled, flipped);
    }
  }
}

levit_attribution noisy_shap(Context& context, const std::vector<float>& tensor,
                             const std::vector<float>& direction, const NoisyShap& options,
                             std::vector<float>& values) {
  const size_t pixels = tensor.size();
  levit_attribution result{};
  result.size = sizeof result;
  result.score = score(context.classify({nullptr, tensor.data()}), direction);
  for (const float* background : options.backgrounds) {
    result.base_value += score(context.classify({nullptr, background}), direction) /
                         static_cast<double>(options.backgrounds.size());
  }
  runtime::Mt19937 random(options.seed);
  Normal normal(~options.seed);
  std::vector<double> sums(pixels, 0.0), totals;
  std::vector<float> points, differences, directions;
  while (totals.size() < options.samples) {
    const size_t count = std::min(options.batch, options.samples - totals.size());
    points.clear();
    differences.clear();
    directions.clear();
    for (size_t k = 0; k < count; ++k) {
      const float* background =
          options.backgrounds[random.choice(static_cast<uint32_t>(options.backgrounds.size()))];
      const double alpha = random.uniform();
      const auto keep = static_cast<float>(alpha), rest = static_cast<float>(1.0 - alpha);
      for (size_t p = 0; p < pixels; ++p) {
        const float x = tensor[p] + static_cast<float>(options.noise) * normal.next();
        const float kept = keep * x, other = rest * background[p];
        points.push_back(kept + other);
        differences.push_back(x - background[p]);
      }
      directions.insert(directions.end(), direction.begin(), direction.end());
    }
    const std::vector<float> gradients = context.gradient({nullptr, points.data()}, directions, LEVIT_INPUT);
    for (size_t k = 0; k < count; ++k) {
      double total = 0;
      for (size_t p = 0; p < pixels; ++p) {
        const size_t at = k * pixels + p;
        const double value = static_cast<double>(gradients[at]) * static_cast<double>(differences[at]);
        sums[p] += value;
        total += value;
      }
      totals.push_back(total);
    }
    if (options.progress(totals.size())) throw Error(LEVIT_CANCELLED);
  }
  const auto n = static_cast<double>(options.samples);
  values.resize(pixels);
  for (size_t p = 0; p < pixels; ++p) values[p] = static_cast<float>(sums[p] / n);
  result.sum = std::accumulate(totals.begin(), totals.end(), 0.0) / n;
  double squares = 0;
  for (const double total : totals) squares += (total - result.sum) * (total - result.sum);
  result.standard_error = std::sqrt(squares) / n;
  result.gap = result.score - result.base_value - result.sum;
  return result;
}

}  // namespace levit::tools
