// The page of an evaluation: style, plots, tables and the mistakes with their pictures inside.
#include "tools/levit/evaluate/report.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tools/common/text.h"
#include "tools/levit/evaluate/calibration.h"
#include "tools/levit/evaluate/classification.h"
#include "tools/levit/evaluate/output.h"
#include "tools/levit/evaluate/ranking.h"
#include "tools/levit/evaluate/svg.h"
#include "tools/levit/explain/page.h"

namespace levit::tools {
namespace {

constexpr size_t kMostClasses = 12;  // of a confusion matrix and of curves

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --paper: #fff; --ink: #181c24; --quiet: #606876; --line: #dee2e8; --bar: #dcd8f5; --warn: #fff4e0;
  --c0: #4a3aa7; --c1: #b06800; --c2: #13795b; --c3: #b3261e; --c4: #2d6cc0; --c5: #8a4bb0; --c6: #6b7a00; --c7: #a03a6b; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14161b; --ink: #e9ebf0; --quiet: #9aa3b2; --line: #2c313b; --bar: #3a3560; --warn: #3a2c12;
    --c0: #a99bff; --c1: #e2a14a; --c2: #5fc9a3; --c3: #ff8a80; --c4: #7fb2ff; --c5: #d19bf5; --c6: #c6d455; --c7: #f08bbb; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.6rem; background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.4rem; } h2 { margin: 2.2rem 0 .8rem; font-size: 1.1rem; }
p { margin: .3rem 0 1rem; color: var(--quiet); overflow-wrap: anywhere; }
.warning { background: var(--warn); color: var(--ink); border-left: 4px solid var(--c1); padding: .6rem .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(13rem, 100%), 1fr)); gap: 1rem; }
.figures div { border: 1px solid var(--line); border-radius: .5rem; padding: .7rem 1rem; }
.figures b { display: block; font-size: 1.7rem; font-weight: 600; } .figures small, .figures span { color: var(--quiet); }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1.6rem; } .plots + .scroll { margin-top: 1.2rem; }
figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; margin-bottom: .3rem; }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--quiet); font-size: 12px; }
.grid { stroke: var(--line); } .axis { stroke: var(--quiet); } .diagonal { stroke: var(--quiet); stroke-dasharray: 4 4; }
.bar { fill: var(--bar); } .curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; } .reach { stroke: var(--c0); stroke-width: 2.5; }
.s0 { stroke: var(--c0); color: var(--c0); } .s1 { stroke: var(--c1); color: var(--c1); } .s2 { stroke: var(--c2); color: var(--c2); } .s3 { stroke: var(--c3); color: var(--c3); }
.s4 { stroke: var(--c4); color: var(--c4); } .s5 { stroke: var(--c5); color: var(--c5); } .s6 { stroke: var(--c6); color: var(--c6); } .s7 { stroke: var(--c7); color: var(--c7); }
.dot { fill: currentColor; stroke: none; } .range { width: 7.5rem; min-width: 5rem; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .85rem; color: var(--quiet); } .key i { display: inline-block; width: 1.2rem; height: .2rem; margin-right: .4rem; vertical-align: middle; background: currentColor; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; } th, td { padding: .3rem .8rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--quiet); } th:first-child, td:first-child { text-align: left; }
.confusion td:not(:first-child) { padding: .5rem .9rem; text-align: center; background: color-mix(in srgb, var(--c0) var(--share), var(--paper)); } .confusion th { padding-right: .9rem; } .confusion .strong { color: var(--paper); }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); gap: 1.4rem; }
.mistake { border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; } .mistake .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1px; background: var(--line); }
.mistake img { display: block; width: 100%; height: 9rem; object-fit: contain; } .mistake > div:not(.pair), .mistake p { margin: 0; padding: .5rem .8rem; overflow-wrap: anywhere; } .mistake p { font-size: .85rem; }
@media (max-width: 30rem) { body { padding: 1rem; } table { font-size: .8rem; } th, td { padding-right: .45rem; } .figures { grid-template-columns: 1fr 1fr; } .figures b { font-size: 1.4rem; } }
)";

std::string number(double value) {
  return std::isnan(value) ? "not defined" : fixed(value, 4);
}

std::string range(double low, double high) {
  return std::isnan(low) ? "" : number(low) + " to " + number(high);
}

std::string cell(const std::string& text) {
  return "<td>" + text + "</td>";
}

std::string base64(const std::vector<uint8_t>& bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j) word = word << 8 | (j < have ? bytes[i + j] : 0U);
    for (size_t j = 0; j < 4; ++j) out += j <= have ? kDigits[word >> (18 - 6 * j) & 63U] : '=';
  }
  return out;
}

std::string figure(const std::string& title, const Estimate& one) {
  return "<div><span>" + title + "</span><b>" + number(one.value) + "</b><small>" + range(one.low, one.high) +
         "</small></div>\n";
}

std::string figures(const Evaluation& all) {
  return "<div class=\"figures\">\n" + figure("Accuracy", all.summary.metric("accuracy")) +
         figure("Balanced accuracy", all.summary.metric("balanced_accuracy")) +
         figure("ROC-AUC", all.summary.metric("roc_auc")) +
         figure("Calibration error", all.summary.metric("ece")) +
         "</div>\n<p>With 95 % intervals: " + std::to_string(all.summary.resamples) +
         " bootstrap resamples of the pictures, 2.5th to 97.5th percentile.</p>\n";
}

std::vector<size_t> occurring(const Evaluation& all) {
  std::vector<size_t> classes;
  for (size_t k = 0; k < all.classes(); ++k)
    if (all.occurs(k)) classes.push_back(k);
  return classes;
}

SvgPlot roc_plot(const Evaluation& all) {
  SvgPlot plot = {"ROC", "false positives", "true positives", 0, 1, 0, 1, true, {}, {}};
  std::vector<size_t> classes = occurring(all);
  if (all.classes() == 2) classes.resize(1);  // the other curve is the same, mirrored
  classes.resize(std::min<size_t>(classes.size(), 8));
  for (const size_t k : classes) {
    const Ranking ranking(all.scores, k);
    SvgCurve curve = {all.label(k) + ", AUC " + number(ranking.auc()), {{0, 0}}, false};
    for (const RocPoint& point : ranking.roc())
      curve.points.push_back({point.false_positives, point.true_positives});
    plot.curves.push_back(std::move(curve));
  }
  return plot;
}

SvgPlot reliability_plot(const Evaluation& all) {
  SvgPlot plot = {"Reliability", "confidence", "accuracy", 0, 1, 0, 1, true, {}, {}};
  SvgCurve curve = {"accuracy in each of 15 bins; bars: share of the pictures", {}, true};
  const std::vector<CalibrationBin> bins = top_bins(all.scores);
  const auto count = static_cast<double>(all.scores.count());
  for (size_t b = 0; b < bins.size(); ++b) {
    const auto width = 1 / static_cast<double>(kCalibrationBins);
    plot.bars.push_back(
        {static_cast<double>(b) * width, static_cast<double>(b + 1) * width, bins[b].count / count});
    if (bins[b].count > 0) curve.points.push_back({bins[b].confidence, bins[b].accuracy});
  }
  plot.curves.push_back(std::move(curve));
  return plot;
}

// Where an axis of shares begins, so that the curves fill it.
double axis_below(const std::vector<SvgCurve>& curves) {
  double lowest = 1;
  for (const SvgCurve& curve : curves)
    for (const SvgPoint& point : curve.points) lowest = std::min(lowest, point.y);
  const double tenth = std::floor(lowest * 10) / 10;
  return tenth >= 1 ? 0.9 : tenth;
}

SvgPlot coverage_plot(const Evaluation& all) {
  SvgPlot plot = {"Accuracy against coverage",
                  "share of the pictures, the surest first",
                  "accuracy",
                  0,
                  1,
                  0,
                  1,
                  false,
                  {},
                  {}};
  const Coverage coverage(all.scores);
  SvgCurve accuracy = {"accuracy", {}, false}, confidence = {"smallest confidence", {}, false};
  for (int percent = 2; percent <= 100; percent += 2) {
    const double share = percent / 100.0;
    accuracy.points.push_back({share, coverage.accuracy(share)});
    confidence.points.push_back({share, coverage.threshold(share)});
  }
  plot.curves = {accuracy, confidence};
  plot.y_low = axis_below(plot.curves);
  return plot;
}

// Each way to doubt a verdict as a curve: the better it finds the mistakes, the higher it begins.
SvgPlot doubt_plot(const Doubt& doubt) {
  SvgPlot plot = {"Accuracy of what is doubted least",
                  "share of the pictures, the least doubted first",
                  "accuracy",
                  0,
                  1,
                  0,
                  1,
                  false,
                  {},
                  {}};
  for (const Detector& one : doubt.detectors) {
    SvgCurve curve = {one.name, {}, false};
    for (size_t step = 0; step < one.right.size(); ++step)
      curve.points.push_back(
          {static_cast<double>(step + 1) / static_cast<double>(kCoverageSteps), one.right[step]});
    plot.curves.push_back(std::move(curve));
  }
  plot.y_low = axis_below(plot.curves);
  return plot;
}

bool knows_distances(const Evaluation& all) {
  return !all.predictions.empty() && all.predictions[0].distance >= 0;
}

// Distances of right and of wrong verdicts from the training pictures, as shares that are nearer.
SvgPlot distance_plot(const Evaluation& all) {
  SvgPlot plot = {
      "Distance from the training pictures", "distance", "share that is nearer", 0, 1, 0, 1, false, {}, {}};
  std::vector<double> right, wrong;
  for (size_t i = 0; i < all.predictions.size(); ++i)
    (all.scores.correct(i) ? right : wrong).push_back(static_cast<double>(all.predictions[i].distance));
  for (const auto& [name, distances] : {std::pair("right verdicts", &right), std::pair("mistakes", &wrong)}) {
    if (distances->empty()) continue;
    std::sort(distances->begin(), distances->end());
    SvgCurve curve = {name, {{0, 0}}, false};
    for (size_t i = 0; i < distances->size(); ++i)
      curve.points.push_back(
          {(*distances)[i], static_cast<double>(i + 1) / static_cast<double>(distances->size())});
    plot.x_high = std::max(plot.x_high, std::ceil(distances->back() / 5) * 5);
    plot.curves.push_back(std::move(curve));
  }
  return plot;
}

std::string confusion(const Evaluation& all) {
  std::vector<size_t> classes = all.classes() <= kMostClasses ? std::vector<size_t>() : occurring(all);
  for (size_t k = 0; k < all.classes() && all.classes() <= kMostClasses; ++k) classes.push_back(k);
  if (classes.size() > kMostClasses) return "";
  std::string out =
      "<figure><figcaption>Confusion</figcaption><div class=\"scroll\"><table class=\"confusion\"><tr><th>is "
      "\\ said</th>";
  for (const size_t k : classes) out += "<th>" + html_text(all.label(k)) + "</th>";
  out += "</tr>\n";
  for (const size_t i : classes) {
    out += "<tr><td>" + html_text(all.label(i)) + "</td>";
    const double support = std::max<double>(1, static_cast<double>(all.summary.classes[i].support));
    for (const size_t j : classes) {
      const uint64_t cases = all.confusion[i * all.classes() + j];
      const double share = static_cast<double>(cases) / support;
      out += "<td" + std::string(share > 0.55 ? " class=\"strong\"" : "") +
             " style=\"--share:" + fixed(100 * share, 0) + "%\">" + std::to_string(cases) + "<br>" +
             fixed(100 * share, 1) + " %</td>";
    }
    out += "</tr>\n";
  }
  return out + "</table></div></figure>\n";
}

std::string metrics_table(const Evaluation& all) {
  std::string out =
      "<div class=\"scroll\"><table><tr><th>metric</th><th>value</th><th>95 % interval</th></tr>\n";
  for (const Estimate& one : all.summary.metrics)
    out += "<tr>" + cell(html_text(metric_title(one.name))) + cell(number(one.value)) +
           cell(range(one.low, one.high)) + "</tr>\n";
  return out + "</table></div>\n";
}

std::string class_table(const Evaluation& all) {
  std::string out = "<div class=\"scroll\"><table><tr><th>class</th><th>pictures</th>";
  for (const Estimate& metric : all.summary.classes[0].metrics)
    out += "<th>" + html_text(metric_title(metric.name)) + "</th>";
  out += "</tr>\n";
  for (size_t k = 0; k < all.classes(); ++k) {
    if (!all.occurs(k)) continue;
    out += "<tr>" + cell(html_text(all.label(k))) + cell(std::to_string(all.summary.classes[k].support));
    for (const Estimate& metric : all.summary.classes[k].metrics)
      out += cell(number(metric.value) + "<br>" + range(metric.low, metric.high));
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string group_table(const std::string& title, const std::vector<Group>& groups) {
  std::string out = "<div class=\"scroll\"><table><tr><th>" + title +
                    "</th><th>pictures</th><th>accuracy</th><th>95 % interval</th><th></th></tr>\n";
  for (const Group& group : groups) {
    const Range reach = group.interval();
    out += "<tr>" + cell(html_text(group.name)) + cell(std::to_string(group.count)) +
           cell(number(group.accuracy())) + cell(range(reach.low, reach.high)) +
           cell(svg_interval(group.accuracy(), reach.low, reach.high)) + "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string robust_table(const std::vector<Robustness>& robust) {
  std::string out =
      "<div class=\"scroll\"><table><tr><th>after</th><th>verdicts flipped</th><th>accuracy</th>"
      "<th>95 % interval</th><th></th></tr>\n";
  for (const Robustness& one : robust) {
    const Range reach = one.after.interval();
    out += "<tr>" + cell(html_text(one.change)) +
           cell(std::to_string(one.kept.count - one.kept.right) + " (" +
                fixed(100 * (1 - one.kept.accuracy()), 1) + " %)") +
           cell(number(one.after.accuracy())) + cell(range(reach.low, reach.high)) +
           cell(svg_interval(one.after.accuracy(), reach.low, reach.high)) + "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string doubt_section(const Evaluation& all) {
  const Doubt& doubt = all.doubt;
  std::string out = "<h2>Doubt: which number finds the mistakes</h2>\n<div class=\"plots\">\n" +
                    svg_plot(doubt_plot(doubt));
  if (knows_distances(all)) out += svg_plot(distance_plot(all));
  out +=
      "</div>\n<div class=\"scroll\"><table><tr><th>doubt by</th><th>AUROC</th><th>95 % "
      "interval</th><th></th>"
      "<th>right on the surest 80 %</th><th>95 % interval</th><th>beats the probability</th></tr>\n";
  for (size_t i = 0; i < doubt.detectors.size(); ++i) {
    const Detector& one = doubt.detectors[i];
    out += "<tr>" + cell(html_text(one.name)) + cell(number(one.auc.value)) +
           cell(range(one.auc.low, one.auc.high)) +
           cell(std::isnan(one.auc.value) ? "" : svg_interval(one.auc.value, one.auc.low, one.auc.high)) +
           cell(number(one.accuracy.value)) + cell(range(one.accuracy.low, one.accuracy.high)) +
           cell(i == 0                    ? ""
                : one.beats_probability() ? "yes"
                                          : "no") +
           "</tr>\n";
  }
  return out +
         "</table></div>\n<p>AUROC: how often a mistake is doubted more than a right verdict; one half is "
         "chance. "
         "The mean of the views is right on " +
         number(doubt.mean_accuracy.value) + " (" + range(doubt.mean_accuracy.low, doubt.mean_accuracy.high) +
         ") of the pictures." +
         (knows_distances(all)
              ? " The distance is familiarity's: Mahalanobis, to the nearest class mean of the "
                "training pictures' features."
              : "") +
         "</p>\n";
}

std::string give_away_table(const GiveAway& found) {
  std::string out = "<div class=\"scroll\"><table><tr><th>clue</th><th>balanced accuracy</th></tr>\n";
  for (const GiveAwayClue& clue : found.clues)
    out += "<tr>" + cell(html_text(clue.name)) + cell(number(clue.balanced_accuracy)) + "</tr>\n";
  return out + "<tr>" + cell("all together") + cell(number(found.balanced_accuracy)) +
         "</tr>\n</table></div>\n";
}

// How unfamiliar one picture is among these.
std::string distance_text(const Evaluation& all, size_t row) {
  if (!knows_distances(all)) return "";
  const float distance = all.predictions[row].distance;
  const auto nearer =
      std::count_if(all.predictions.begin(), all.predictions.end(),
                    [distance](const Prediction& other) { return other.distance < distance; });
  return "; distance " + fixed(static_cast<double>(distance), 1) + ", farther than " +
         fixed(100 * static_cast<double>(nearer) / static_cast<double>(all.predictions.size()), 0) +
         " % of these pictures";
}

std::string mistake_card(const Evaluation& all, const Mistake& mistake) {
  const Prediction& one = all.predictions[mistake.row];
  std::string out = "<div class=\"mistake\">";
  if (mistake.picture.empty()) {
    out += "<p>The picture is not there any more.</p>";
  } else {
    out += "<div class=\"pair\"><img alt=\"picture\" src=\"data:image/jpeg;base64," +
           base64(mistake.picture) + "\"><img alt=\"heat map\" src=\"data:image/jpeg;base64," +
           base64(mistake.heat) + "\"></div>";
  }
  return out + "<div><b>" + html_text(all.label(all.scores.predicted[mistake.row])) + " " +
         fixed(100 * all.scores.confidence(mistake.row), 1) + " %</b>, is " +
         html_text(all.label(one.truth)) + "</div><p>" + html_text(one.path) + ", " +
         std::to_string(one.width) + " x " + std::to_string(one.height) + distance_text(all, mistake.row) +
         "</p></div>\n";
}

std::string mistakes_section(const Evaluation& all, const std::vector<Mistake>& mistakes) {
  std::string out = "<h2>The most confident mistakes</h2>\n<p>" + std::to_string(mistakes.size()) + " of " +
                    std::to_string(all.mistakes.size()) +
                    ". Beside each picture: what spoke for the wrong class (Grad-CAM, stage 1).</p>\n";
  out += "<div class=\"mistakes\">\n";
  for (const Mistake& mistake : mistakes) out += mistake_card(all, mistake);
  return out + "</div>\n";
}

}  // namespace

std::string page_head(const std::string& title) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         html_text(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n";
}

std::string evaluation_report(const Evaluation& all, const std::vector<Mistake>& mistakes) {
  std::string out =
      page_head(all.header.model + ": evaluation") + "<h1>How right " + html_text(all.header.model) +
      " is</h1>\n<p>" + counted(all.summary.count, "picture") +
      (all.failed > 0 ? ", " + std::to_string(all.failed) + " more could not be read" : std::string()) +
      "; weight file " + html_text(all.header.checksum) + ", resize " + html_text(all.header.resize) +
      ", temperature " + number(all.header.temperature) + "</p>\n";
  for (const std::string& warning : all.warnings)
    out += "<p class=\"warning\">" + html_text(warning) + "</p>\n";
  out += figures(all) + "<div class=\"plots\">\n";
  if (all.several_classes()) out += svg_plot(roc_plot(all));
  out += svg_plot(reliability_plot(all)) + svg_plot(coverage_plot(all)) + confusion(all) + "</div>\n";
  out += "<h2>All metrics</h2>\n" + metrics_table(all) + "<p>" + html_text(temperature_line(all)) + "</p>\n";
  if (all.give_away.checked) {
    out += "<h2>Give-away check</h2>\n<p>" + html_text(all.give_away.sentence()) + "</p>\n" +
           give_away_table(all.give_away);
  }
  out += "<h2>By class</h2>\n" + class_table(all);
  out += "<h2>By folder</h2>\n" + group_table("folder", all.sources);
  out += "<h2>By size</h2>\n" + group_table("shorter side", all.sizes) +
         "<p>Intervals of folders and sizes are Wilson's.</p>\n";
  if (!all.robust.empty()) out += "<h2>After changes</h2>\n" + robust_table(all.robust);
  if (!all.doubt.detectors.empty()) out += doubt_section(all);
  if (!mistakes.empty()) out += mistakes_section(all, mistakes);
  return out + "</body>\n</html>\n";
}

}  // namespace levit::tools
