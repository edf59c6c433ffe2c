#include "tools/levit/train/report.h"

#include <algorithm>
#include <cmath>

#include "tools/common/text.h"
#include "tools/levit/evaluate/bootstrap.h"
#include "tools/levit/evaluate/report.h"
#include "tools/levit/evaluate/svg.h"
#include "tools/levit/explain/page.h"

namespace levit::tools {
namespace {

std::string percent(double share) {
  return fixed(100 * share, 2);
}

double held_accuracy(const EpochRecord& record) {
  return static_cast<double>(record.held_correct) / static_cast<double>(record.held_count);
}

Range held_interval(const EpochRecord& record) {
  return wilson_interval(static_cast<double>(record.held_correct), static_cast<double>(record.held_count));
}

bool is_held(const TrainPlace& place) {
  return !place.epochs.empty() && place.epochs[0].held_count > 0;
}

SvgPlot plot_of(const std::string& title, const std::string& y_label, double steps,
                std::vector<SvgCurve> curves) {
  double highest = 0;
  for (const SvgCurve& curve : curves)
    for (const SvgPoint& point : curve.points) highest = std::max(highest, point.y);
  const double tick = svg_step(highest), high = std::max(1.0, std::ceil(highest / tick)) * tick;
  return {title, "step", y_label, 0, std::max(1.0, steps), 0, high, false, {}, std::move(curves)};
}

std::string plots(const TrainPlace& place) {
  SvgCurve loss = {"training", {}, false}, held_loss = {"held out", {}, true}, rate, norm;
  for (const StepCurve::Point& point : place.curve.points()) {
    loss.points.push_back({point.step, point.loss});
    rate.points.push_back({point.step, point.rate});
    norm.points.push_back({point.step, point.norm});
  }
  SvgCurve right = {"training", {}, true}, held_right = {"held out", {}, true};
  if (place.before.held_count > 0) {
    held_loss.points.push_back({0, place.before.held_loss});
    held_right.points.push_back({0, held_accuracy(place.before)});
  }
  for (const EpochRecord& record : place.epochs) {
    const auto step = static_cast<double>(record.step);
    right.points.push_back({step, record.accuracy});
    if (record.held_count == 0) continue;
    held_loss.points.push_back({step, record.held_loss});
    held_right.points.push_back({step, held_accuracy(record)});
  }
  const auto steps = static_cast<double>(place.step);
  SvgPlot accuracy = plot_of("Accuracy", "accuracy", steps, {right, held_right});
  accuracy.y_high = 1;
  return "<div class=\"plots\">\n" + svg_plot(plot_of("Loss", "cross-entropy", steps, {loss, held_loss})) +
         svg_plot(accuracy) + svg_plot(plot_of("Learning rate", "rate", steps, {rate})) +
         svg_plot(plot_of("Norm of the gradient", "L2", steps, {norm})) + "</div>\n";
}

std::string row(const std::vector<std::string>& cells, const char* tag) {
  std::string out = "<tr>";
  for (const std::string& cell : cells)
    out += std::string("<") + tag + ">" + html_text(cell) + "</" + tag + ">";
  return out + "</tr>\n";
}

std::string epoch_table(const TrainPlace& place) {
  std::string out =
      "<div class=\"scroll\"><table>" + row({"epoch", "steps", "loss", "accuracy", "held-out loss",
                                             "held-out accuracy", "95 % interval", "pictures a second", ""},
                                            "th");
  for (size_t i = 0; i < place.epochs.size(); ++i) {
    const EpochRecord& one = place.epochs[i];
    const bool held = one.held_count > 0;
    const Range reach = held_interval(one);
    out += row(
        {std::to_string(i + 1), std::to_string(one.step), fixed(one.loss, 4), percent(one.accuracy) + " %",
         held ? fixed(one.held_loss, 4) : "", held ? percent(held_accuracy(one)) + " %" : "",
         held ? percent(reach.low) + " to " + percent(reach.high) : "", fixed(one.pictures_per_second, 1),
         i + 1 == place.best_epoch() ? "best" : ""},
        "td");
  }
  return out +
         "</table></div>\n<p>Training's loss and accuracy are means over an epoch, before each update"
         " and as augmented; the held-out ones are of its end, plain. Intervals are Wilson's.</p>\n";
}

std::string options_table(const TrainState& state) {
  std::string out = "<div class=\"scroll\"><table>";
  for (const auto& [name, value] : state.options) out += row({name, value}, "td");
  return out + "</table></div>\n";
}

}  // namespace

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string classes_text(const TrainState& state, const Split& split) {
  std::string text;
  for (size_t k = 0; k < state.data.dataset.labels.size(); ++k)
    text += (k == 0 ? "" : ", ") + state.data.dataset.labels[k] + " " +
            std::to_string(split.trained_by[k] + split.held_by[k]);
  return text;
}

std::string settings_text(const TrainArguments& arguments, const TrainPlace& place) {
  const bool timed = arguments.minutes > 0;
  return arguments.solver + ", rate " + short_number(peak_rate(arguments)) + ", batch " +
         std::to_string(arguments.batch) + ", " + std::to_string(place.epochs.size()) +
         (timed ? " epochs in " + short_number(arguments.minutes) + " minutes"
                : " of " + std::to_string(arguments.fit.epochs) + " epochs") +
         ", the best " + std::to_string(place.best_epoch()) + ", seed " + std::to_string(arguments.fit.seed) +
         (arguments.views > 0 ? ", augmented" : "") + (arguments.equalise ? ", equalised" : "");
}

std::string held_out_text(const EpochRecord& record) {
  if (record.held_count == 0) return "none";
  const Range reach = held_interval(record);
  return counted(record.held_count, "picture") + ", accuracy " + percent(held_accuracy(record)) + " % (" +
         percent(reach.low) + " to " + percent(reach.high) + "), loss " + fixed(record.held_loss, 4);
}

std::string epoch_line(size_t epoch, const EpochRecord& record) {
  return "epoch " + std::to_string(epoch) + ": loss " + fixed(record.loss, 4) + ", accuracy " +
         percent(record.accuracy) + " %, " + fixed(record.pictures_per_second, 1) +
         " pictures per second; held out: " + held_out_text(record) + (record.best ? ", the best" : "");
}

nlohmann::ordered_json epoch_json(size_t epoch, const EpochRecord& record) {
  nlohmann::ordered_json json = {{"epoch", epoch}, {"step", record.step}};
  if (epoch > 0) {
    json["epoch_loss"] = record.loss;
    json["epoch_accuracy"] = record.accuracy;
    json["pictures_per_second"] = record.pictures_per_second;
  }
  if (record.held_count > 0) {
    json["held_out"] = {
        {"n", record.held_count}, {"loss", record.held_loss}, {"accuracy", held_accuracy(record)}};
  }
  if (epoch > 0) json["best"] = record.best;
  return json;
}

std::string run_note(const TrainArguments& arguments, const ModelFile& base, const Split& split,
                     const TrainState& state) {
  std::string text = "Network (" + arguments.part + ") trained by levit " + levit_version() + " on " +
                     std::to_string(split.training.size() + split.held_out.size()) + " pictures (" +
                     classes_text(state, split) + "): " + settings_text(arguments, state.place) +
                     ". Held out: " + held_out_text(state.place.epochs.back()) +
                     ".\nBase: " + base.info().name;
  if (base.info().note[0] != '\0') text += "\n" + std::string(base.info().note);
  return text;
}

std::string training_report(const TrainArguments& arguments, const ModelFile& base, const Split& split,
                            const TrainState& state) {
  const TrainPlace& place = state.place;
  std::string out =
      page_head("levit finetune: " + arguments.output) + "<h1>How " + html_text(arguments.output) +
      " was trained</h1>\n<p>" +
      html_text(base.info().name + std::string(", checksum ") + state.checksum + ", " + arguments.part +
                "; " + classes_text(state, split) + "; " + settings_text(arguments, place)) +
      "</p>\n";
  if (!place.skipped.empty())
    out += "<p class=\"warning\">" + std::to_string(place.skipped.size()) +
           " pictures could not be read or changed during training and were left out.</p>\n";
  if (is_held(place))
    out += (place.before.held_count > 0
                ? "<p>Before training, held out: " + html_text(held_out_text(place.before)) + "</p>\n"
                : "") +
           "<p>Held out: " + html_text(held_out_text(place.epochs[place.best_epoch() - 1])) +
           " (the best epoch)</p>\n";
  return out + plots(place) + "<h2>Epochs</h2>\n" + epoch_table(place) + "<h2>Options</h2>\n" +
         options_table(state) + "</body>\n</html>\n";
}

}  // namespace levit::tools
