// How a run went, for plots: what happens at every step, in at most a few hundred points however long it is.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_CURVE_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_CURVE_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <vector>

namespace levit::tools {

class StepCurve {
 public:
  struct Point {
    double step, loss, rate, norm;  // means over the steps of the point; step: the last of them
  };

  void add(size_t step, double loss, double rate, double norm);
  std::vector<Point> points() const;  // with the one that is being filled

  nlohmann::ordered_json json() const;
  static StepCurve from_json(const nlohmann::ordered_json& json);

 private:
  static constexpr size_t kMost = 512;  // then every two become one
  std::vector<Point> points_;
  size_t width_ = 1, filled_ = 0;  // steps of a point, and of the last one so far
  Point sum_{};
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_CURVE_H_
