#include "tools/levit/finetune/adversarial.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "tools/common/ordered_run.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/levit/attack/attacker.h"
#include "tools/levit/commands.h"
#include "tools/levit/dataset/content_hash.h"
#include "tools/levit/finetune/head_file.h"
#include "tools/levit/sample_reader.h"

namespace levit::tools {
namespace {

// What a thread has of its own.
struct Worker {
  Worker(const levit_model* model, const levit_options& run) : attacker(model, run), rgb(kSampleValues) {}
  Attacker attacker;
  std::vector<uint8_t> rgb, scratch;
};

AttackedPicture attack(Worker& worker, const std::string& path, size_t truth, uint64_t content,
                       const AdversarialOptions& options, uint64_t salt) {
  PictureOptions how;
  how.ignore_orientation = options.view.ignore_orientation;
  how.largest_area = options.largest_area;
  const Picture picture = load_picture(path, how);
  make_view(worker.attacker.context(), picture, content, options.view, 0, &worker.scratch, worker.rgb.data());
  const std::vector<float> pixels = pixels_of(worker.rgb);
  const uint64_t seeds[] = {content, salt};
  AttackedPicture result;
  result.right = worker.attacker.judge(pixels) == truth;
  const std::vector<float> changed =
      worker.attacker.pgd(pixels, truth, options.epsilon, options.steps, content_hash(seeds, sizeof seeds));
  result.right_after = result.right && worker.attacker.judge(changed) == truth;
  result.features = worker.attacker.features(changed);
  return result;
}

}  // namespace

std::vector<AttackedPicture> attack_pictures(const ModelFile& base, const TrainedHead& head,
                                             const Dataset& dataset, const FeatureTable& table,
                                             const AdversarialOptions& options, uint64_t salt,
                                             const std::function<bool(uint64_t content)>& wanted) {
  std::vector<size_t> chosen;
  for (size_t i = 0; i < table.pictures.size(); ++i)
    if (table.pictures[i].error.empty() && wanted(table.pictures[i].content)) chosen.push_back(i);
  std::vector<AttackedPicture> all;
  if (chosen.empty()) return all;
  Memory image = in_memory(file_with_head(base.model(), head, dataset.labels, {}));
  const levit_model* const model = open(image.data(), image.bytes());
  levit_options run = levit_default_options();
  run.target = chosen_target(options.target);
  ThreadPool pool(std::max<size_t>(1, std::min(options.threads, chosen.size())));
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < pool.threads(); ++i) workers.push_back(std::make_unique<Worker>(model, run));
  std::vector<AttackedPicture> slots(4 * pool.threads());
  Progress progress(chosen.size(), "pictures attacked");
  OrderedRun ordered{chosen.size(), slots.size(), {}, {}, interrupted};
  ordered.work = [&](size_t task, size_t slot, size_t worker) {
    const size_t index = chosen[task];
    slots[slot] = attack(*workers[worker], dataset.pictures[index].path, dataset.pictures[index].label,
                         table.pictures[index].content, options, salt);
    slots[slot].index = index;
  };
  ordered.emit = [&](size_t, size_t slot) {
    all.push_back(std::move(slots[slot]));
    progress.update(all.size());
  };
  run_ordered(pool, ordered);
  return all;
}

}  // namespace levit::tools
