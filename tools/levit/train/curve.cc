#include "tools/levit/train/curve.h"

namespace levit::tools {
namespace {

StepCurve::Point divided(const StepCurve::Point& sum, double by) {
  return {sum.step, sum.loss / by, sum.rate / by, sum.norm / by};
}

StepCurve::Point added(const StepCurve::Point& a, const StepCurve::Point& b) {
  return {b.step, a.loss + b.loss, a.rate + b.rate, a.norm + b.norm};
}

nlohmann::ordered_json json_of(const StepCurve::Point& point) {
  return {point.step, point.loss, point.rate, point.norm};
}

StepCurve::Point point_of(const nlohmann::ordered_json& json) {
  return {json.at(0), json.at(1), json.at(2), json.at(3)};
}

}  // namespace

void StepCurve::add(size_t step, double loss, double rate, double norm) {
  sum_ = added(sum_, {static_cast<double>(step), loss, rate, norm});
  if (++filled_ < width_) return;
  points_.push_back(divided(sum_, static_cast<double>(width_)));
  sum_ = {};
  filled_ = 0;
  if (points_.size() < kMost) return;
  for (size_t i = 0; i < kMost / 2; ++i) points_[i] = divided(added(points_[2 * i], points_[2 * i + 1]), 2);
  points_.resize(kMost / 2);
  width_ *= 2;
}

std::vector<StepCurve::Point> StepCurve::points() const {
  std::vector<Point> all = points_;
  if (filled_ > 0) all.push_back(divided(sum_, static_cast<double>(filled_)));
  return all;
}

nlohmann::ordered_json StepCurve::json() const {
  nlohmann::ordered_json json;
  json["width"] = width_;
  json["filled"] = filled_;
  json["sum"] = json_of(sum_);
  json["points"] = nlohmann::ordered_json::array();
  for (const Point& point : points_) json["points"].push_back(json_of(point));
  return json;
}

StepCurve StepCurve::from_json(const nlohmann::ordered_json& json) {
  StepCurve curve;
  curve.width_ = json.at("width");
  curve.filled_ = json.at("filled");
  curve.sum_ = point_of(json.at("sum"));
  for (const auto& point : json.at("points")) curve.points_.push_back(point_of(point));
  return curve;
}

}  // namespace levit::tools
