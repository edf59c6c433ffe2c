// From predictions to everything that the table, the JSON and the page show. No clock, no thread count and no
// shard enters here, so that merged parts give the bytes of one run.
#include "tools/levit/evaluate/evaluation.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "tools/levit/evaluate/calibration.h"
#include "tools/levit/evaluate/classification.h"

namespace levit::tools {
namespace {

constexpr double kShares[] = {1, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5};

std::vector<double> all_logits(const std::vector<Prediction>& predictions) {
  std::vector<double> values;
  for (const Prediction& one : predictions) values.insert(values.end(), one.logits.begin(), one.logits.end());
  return values;
}

Scores scores_of(const std::vector<Prediction>& predictions, const std::vector<double>& logits,
                 size_t classes, double temperature) {
  Scores scores;
  scores.classes = classes;
  scores.probabilities = softmax_rows(logits, classes, temperature);
  scores.predicted = largest_of_rows(logits, classes);
  for (const Prediction& one : predictions) scores.truth.push_back(static_cast<uint32_t>(one.truth));
  return scores;
}

void add(Group& group, bool right) {
  ++group.count;
  group.right += right ? 1 : 0;
}

std::vector<Group> by_source(const Evaluation& all) {
  std::map<std::string, Group> groups;
  for (size_t i = 0; i < all.predictions.size(); ++i)
    add(groups[all.predictions[i].source], all.scores.correct(i));
  std::vector<Group> list;
  for (auto& [name, group] : groups) {
    group.name = name;
    list.push_back(group);
  }
  return list;
}

std::vector<Group> by_size(const Evaluation& all) {
  constexpr size_t kBounds[] = {64, 128, 256, 512, 1024, 2048};
  std::vector<Group> groups(std::size(kBounds) + 1);
  for (size_t i = 0; i < all.predictions.size(); ++i) {
    const size_t side = std::min(all.predictions[i].width, all.predictions[i].height);
    const auto* bound = std::upper_bound(std::begin(kBounds), std::end(kBounds), side);
    add(groups[static_cast<size_t>(bound - std::begin(kBounds))], all.scores.correct(i));
  }
  std::vector<Group> list;
  for (size_t b = 0; b < groups.size(); ++b) {
    if (groups[b].count == 0) continue;
    groups[b].name = b == 0 ? "below " + std::to_string(kBounds[0])
                     : b == std::size(kBounds)
                         ? std::to_string(kBounds[b - 1]) + " and more"
                         : std::to_string(kBounds[b - 1]) + " to " + std::to_string(kBounds[b] - 1);
    list.push_back(groups[b]);
  }
  return list;
}

std::vector<GiveAwayRow> give_away_rows(const std::vector<Prediction>& predictions) {
  std::vector<GiveAwayRow> rows;
  for (const Prediction& one : predictions)
    rows.push_back({one.facts, one.width, one.height, one.colour, one.truth});
  return rows;
}

std::vector<Robustness> robustness(const Evaluation& all) {
  std::vector<Robustness> list;
  for (size_t change = 0; change < all.header.changes.size(); ++change) {
    Robustness one;
    one.change = all.header.changes[change];
    for (size_t i = 0; i < all.predictions.size(); ++i) {
      const std::vector<float>& logits = all.predictions[i].robust[change];
      const auto label = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      add(one.kept, label == all.scores.predicted[i]);
      add(one.after, label == all.scores.truth[i]);
    }
    list.push_back(one);
  }
  return list;
}

std::vector<size_t> confident_mistakes(const Scores& scores) {
  std::vector<size_t> rows;
  for (size_t i = 0; i < scores.count(); ++i)
    if (!scores.correct(i)) rows.push_back(i);
  std::stable_sort(rows.begin(), rows.end(),
                   [&](size_t a, size_t b) { return scores.confidence(a) > scores.confidence(b); });
  return rows;
}

}  // namespace

bool Evaluation::several_classes() const {
  size_t occurring = 0;
  for (size_t k = 0; k < classes(); ++k) occurring += occurs(k) ? 1 : 0;
  return occurring > 1;
}

Evaluation evaluate(PredictionFile file, uint64_t seed, ThreadPool& pool) {
  Evaluation all;
  all.header = std::move(file.header);
  for (Prediction& one : file.predictions) {
    if (one.error.empty()) {
      all.predictions.push_back(std::move(one));
    } else {
      ++all.failed;
    }
  }
  if (all.predictions.empty()) throw std::runtime_error("none of the pictures could be read");
  const std::vector<double> logits = all_logits(all.predictions);
  all.scores = scores_of(all.predictions, logits, all.classes(), all.header.temperature);
  all.summary = summarise(all.scores, seed, pool);
  all.confusion = confusion_matrix(all.scores);
  all.sources = by_source(all);
  all.sizes = by_size(all);
  const Coverage coverage(all.scores);
  for (const double share : kShares)
    all.coverage.push_back({share, coverage.accuracy(share), coverage.threshold(share)});
  all.temperature = fit_temperature(logits, all.scores.truth, all.classes());
  if (all.temperature) {
    const Scores fitted = scores_of(all.predictions, logits, all.classes(), *all.temperature);
    all.fitted_log_loss = log_loss(fitted);
    all.fitted_ece = calibration_error(top_bins(fitted));
  }
  all.mistakes = confident_mistakes(all.scores);
  all.robust = robustness(all);
  if (all.header.views > 0)
    all.doubt = measure_doubt(all.predictions, all.scores, all.header.temperature, seed, pool);
  all.give_away = find_give_away(give_away_rows(all.predictions));
  if (all.give_away.solved()) {
    all.warnings.push_back(all.give_away.sentence() +
                           "; an accuracy on this data set may say little of the pictures");
  }
  if (!all.several_classes()) {
    all.warnings.push_back(
        "one class only (" + all.label(all.scores.truth[0]) +
        "): nothing to tell it from, so ROC-AUC is not defined and accuracy is its recall");
  }
  return all;
}

}  // namespace levit::tools
