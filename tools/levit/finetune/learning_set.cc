#include "tools/levit/finetune/learning_set.h"

#include <set>
#include <stdexcept>
#include <unordered_map>

#include "tools/levit/dataset/content_hash.h"

namespace levit::tools {
namespace {

// What was read of one class.
struct ClassContents {
  std::set<uint64_t> contents;
  size_t pictures = 0;
  std::string example;
};

[[noreturn]] void fail(const std::string& label, const std::string& cause) {
  throw std::runtime_error("class \"" + label + "\": " + cause);
}

void check_classes(const Dataset& dataset, const std::vector<ClassContents>& classes,
                   const LearningSet& set) {
  for (size_t k = 0; k < dataset.labels.size(); ++k) {
    const ClassContents& found = classes[k];
    if (found.pictures == 0) fail(dataset.labels[k], "none of its pictures can be read");
    if (found.pictures > 1 && found.contents.size() == 1)
      fail(dataset.labels[k],
           "all " + std::to_string(found.pictures) + " pictures are the same file, as " + found.example);
    if (set.trained_by[k] == 0)
      fail(dataset.labels[k], "all of its pictures (" + std::to_string(found.pictures) +
                                  ") are held out; give more, or a smaller --val");
  }
}

}  // namespace

bool is_held_out(uint64_t content, double share) {
  return share_of(content) < share;
}

LearningSet make_learning_set(const Dataset& dataset, const FeatureTable& table, double held_out) {
  LearningSet set;
  set.training.width = set.held_out.width = table.width;
  set.trained_by.resize(dataset.labels.size());
  set.held_by.resize(dataset.labels.size());
  std::vector<ClassContents> classes(dataset.labels.size());
  std::unordered_map<uint64_t, uint32_t> label_of;
  for (size_t i = 0; i < table.pictures.size(); ++i) {
    const PictureFeatures& picture = table.pictures[i];
    const uint32_t label = dataset.pictures[i].label;
    if (!picture.error.empty()) {
      ++set.unreadable;
      continue;
    }
    if (label_of.emplace(picture.content, label).first->second != label) ++set.in_two_classes;
    classes[label].contents.insert(picture.content);
    if (classes[label].pictures++ == 0) classes[label].example = dataset.pictures[i].path;
    const bool held = is_held_out(picture.content, held_out);
    ++(held ? set.held_by : set.trained_by)[label];
    for (size_t v = 0; v < picture.views; ++v) {
      (held ? set.held_out : set.training).add(table.row(picture.first + v), label);
      if (!held) set.training_content.push_back(picture.content);
    }
  }
  check_classes(dataset, classes, set);
  return set;
}

std::vector<float> balanced_weights(const std::vector<size_t>& counts) {
  size_t all = 0;
  for (const size_t count : counts) all += count;
  std::vector<float> weights;
  for (const size_t count : counts)
    weights.push_back(
        static_cast<float>(static_cast<double>(all) / static_cast<double>(counts.size() * count)));
  return weights;
}

}  // namespace levit::tools
