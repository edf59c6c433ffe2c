// The clues that files give without a look at the pictures, and the nearest neighbours that judge by them.
#include "tools/levit/evaluate/giveaway.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

constexpr size_t kNeighbours = 11, kFolds = 5, kMostRows = 3000;
constexpr size_t kTables = 12;  // the commonest that are told apart

using Column = std::vector<float>;  // a number of every picture
using Clue = std::pair<std::string, std::vector<Column>>;

Column column(const std::vector<GiveAwayRow>& rows, double (*value)(const GiveAwayRow&)) {
  Column values;
  for (const GiveAwayRow& row : rows) values.push_back(static_cast<float>(value(row)));
  return values;
}

// Mean 0 and variance 1; a number that is the same everywhere becomes 0.
void standardise(Column& values) {
  double sum = 0, squares = 0;
  const auto count = static_cast<double>(values.size());
  for (const float value : values) sum += static_cast<double>(value);
  const double mean = sum / count;
  for (const float value : values) squares += std::pow(static_cast<double>(value) - mean, 2);
  const double deviation = std::sqrt(squares / count);
  for (float& value : values)
    value = deviation < 1e-9 ? 0 : static_cast<float>((static_cast<double>(value) - mean) / deviation);
}

double log_size(size_t value) {
  return std::log1p(static_cast<double>(value));
}

double pixels(const GiveAwayRow& row) {
  return static_cast<double>(row.width) * static_cast<double>(row.height);
}

// Whether a picture has those tables, for each of the commonest: a class that was compressed once more has
// few, and sums of tables of neighbouring qualities are too alike to tell.
std::vector<Column> table_columns(const std::vector<GiveAwayRow>& rows) {
  std::map<uint64_t, size_t> count;
  for (const GiveAwayRow& row : rows) ++count[row.file.tables];
  std::vector<std::pair<size_t, uint64_t>> order;
  for (const auto& [tables, pictures] : count)
    if (tables != 0) order.push_back({pictures, tables});
  std::sort(order.rbegin(), order.rend());
  order.resize(std::min(order.size(), kTables));
  std::vector<Column> columns;
  for (const auto& common : order) {
    columns.emplace_back();
    for (const GiveAwayRow& row : rows)
      columns.back().push_back(row.file.tables == common.second ? 1.0F : 0.0F);
  }
  return columns;
}

std::vector<Clue> clues_of(const std::vector<GiveAwayRow>& rows) {
  const auto is_format = [&rows](const char* format) {
    Column values;
    for (const GiveAwayRow& row : rows) values.push_back(row.file.format == format ? 1.0F : 0.0F);
    return values;
  };
  std::vector<Clue> clues = {
      {"file size", {column(rows, [](const GiveAwayRow& r) { return log_size(r.file.bytes); })}},
      {"pixel count", {column(rows, [](const GiveAwayRow& r) { return std::log1p(pixels(r)); })}},
      {"aspect", {column(rows, [](const GiveAwayRow& r) { return log_size(r.width) - log_size(r.height); })}},
      {"format", {is_format("jpeg"), is_format("png"), is_format("webp"), is_format("bmp")}},
      {"JPEG tables",
       {column(rows, [](const GiveAwayRow& r) { return log_size(r.file.luma_steps); }),
        column(rows, [](const GiveAwayRow& r) { return log_size(r.file.chroma_steps); })}},
      {"mean colour",
       {column(rows, [](const GiveAwayRow& r) { return static_cast<double>(r.colour[0]); }),
        column(rows, [](const GiveAwayRow& r) { return static_cast<double>(r.colour[1]); }),
        column(rows, [](const GiveAwayRow& r) { return static_cast<double>(r.colour[2]); })}},
  };
  for (Column& one : table_columns(rows)) clues[4].second.push_back(std::move(one));
  for (Clue& clue : clues)
    for (Column& values : clue.second) standardise(values);
  return clues;
}

class Neighbours {
 public:
  Neighbours(std::vector<Column> columns, const std::vector<size_t>& labels, std::vector<double> vote)
      : columns_(std::move(columns)), labels_(labels), vote_(std::move(vote)) {}

  // Mean recall when every row is judged by its nearest rows of other folds.
  double balanced_accuracy() const {
    std::vector<double> right(vote_.size()), all(vote_.size());
    for (size_t row = 0; row < labels_.size(); ++row) {
      ++all[labels_[row]];
      right[labels_[row]] += judged(row) == labels_[row] ? 1 : 0;
    }
    double sum = 0, classes = 0;
    for (size_t k = 0; k < all.size(); ++k) {
      if (all[k] == 0) continue;
      sum += right[k] / all[k];
      ++classes;
    }
    return sum / classes;
  }

 private:
  size_t judged(size_t row) const {
    std::vector<std::pair<float, size_t>> nearest;  // squared distance, row
    std::vector<float> distance(labels_.size());
    for (const Column& values : columns_) {
      for (size_t other = 0; other < distance.size(); ++other) {
        const float difference = values[other] - values[row];
        distance[other] += difference * difference;
      }
    }
    for (size_t other = 0; other < distance.size(); ++other)
      if (other % kFolds != row % kFolds) nearest.push_back({distance[other], other});
    const size_t wanted = std::min(kNeighbours, nearest.size());
    std::partial_sort(nearest.begin(), nearest.begin() + static_cast<long>(wanted), nearest.end());
    // All that are as near as the last one vote as well, so that ties are not decided by the order of files.
    const float farthest = nearest[wanted - 1].first;
    std::vector<double> votes(vote_.size());
    for (const auto& [how_far, other] : nearest)
      if (how_far <= farthest) votes[labels_[other]] += vote_[labels_[other]];
    return static_cast<size_t>(std::max_element(votes.begin(), votes.end()) - votes.begin());
  }

  std::vector<Column> columns_;
  const std::vector<size_t>& labels_;
  std::vector<double> vote_;  // of a row, by its class
};

// Rows for the check: classes in turn, so that the folds hold all of them, each class spread evenly.
std::vector<GiveAwayRow> chosen_rows(const std::vector<GiveAwayRow>& rows) {
  std::map<size_t, std::vector<const GiveAwayRow*>> by_class;
  for (const GiveAwayRow& row : rows) by_class[row.label].push_back(&row);
  std::vector<GiveAwayRow> chosen;
  for (const auto& [label, members] : by_class) {
    if (members.size() < kGiveAwayLeast) continue;
    const size_t most = std::max<size_t>(kGiveAwayLeast, kMostRows / by_class.size());
    const size_t take = std::min(most, members.size());
    for (size_t i = 0; i < take; ++i) chosen.push_back(*members[i * members.size() / take]);
  }
  return chosen;
}

std::string percent(double share) {
  return fixed(100 * share, 0) + " %";
}

}  // namespace

double GiveAway::strongest() const {
  double most = balanced_accuracy;
  for (const GiveAwayClue& clue : clues) most = std::max(most, clue.balanced_accuracy);
  return most;
}

std::string GiveAway::sentence() const {
  std::vector<GiveAwayClue> order = clues;
  std::stable_sort(order.begin(), order.end(), [](const GiveAwayClue& a, const GiveAwayClue& b) {
    return a.balanced_accuracy > b.balanced_accuracy;
  });
  std::string text =
      "without a look at the pictures, file size, pixel count, aspect, format, JPEG tables and "
      "mean colour tell the classes apart with " +
      percent(balanced_accuracy) + " balanced accuracy (chance " + percent(chance) + "): ";
  for (size_t i = 0; i < std::min<size_t>(3, order.size()); ++i)
    text += (i == 0 ? "" : ", ") + order[i].name + " alone " + percent(order[i].balanced_accuracy);
  return text;
}

GiveAway find_give_away(const std::vector<GiveAwayRow>& rows) {
  const std::vector<GiveAwayRow> chosen = chosen_rows(rows);
  std::map<size_t, size_t> number;  // of a class among those that are checked
  std::vector<size_t> labels;
  std::vector<double> count;
  for (const GiveAwayRow& row : chosen) {
    const size_t k = number.insert({row.label, number.size()}).first->second;
    labels.push_back(k);
    count.resize(number.size());
    ++count[k];
  }
  GiveAway result;
  result.pictures = chosen.size();
  if (number.size() < 2) return result;
  result.checked = true;
  result.chance = 1 / static_cast<double>(number.size());
  std::vector<double> vote;
  for (const double members : count) vote.push_back(1 / members);
  std::vector<Column> everything;
  for (auto& [name, columns] : clues_of(chosen)) {
    result.clues.push_back({name, Neighbours(columns, labels, vote).balanced_accuracy()});
    everything.insert(everything.end(), columns.begin(), columns.end());
  }
  result.balanced_accuracy = Neighbours(everything, labels, vote).balanced_accuracy();
  return result;
}

}  // namespace levit::tools
