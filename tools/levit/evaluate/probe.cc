// Pooled values of the stem and the stages, and a logistic regression on each.
#include "tools/levit/evaluate/probe.h"

#include <array>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>

#include "levit.hpp"
#include "tools/common/mapped_file.h"
#include "tools/levit/dataset/content_hash.h"
#include "tools/levit/explain/method.h"
#include "tools/levit/finetune/learning_set.h"
#include "tools/levit/finetune/logistic.h"
#include "tools/levit/job.h"

namespace levit::tools {
namespace {

constexpr std::array<levit_layer, 4> kLayers = {LEVIT_STEM, LEVIT_STAGE0, LEVIT_STAGE1, LEVIT_STAGE2};
constexpr double kHeldOut = 0.2;

struct Features {
  uint64_t content = 0;
  std::array<std::vector<float>, kLayers.size()> pooled;  // empty when the picture could not be read
};

size_t channels(const levit_info& info, levit_layer layer) {
  return info.dims[layer == LEVIT_STEM ? 0 : layer - LEVIT_STAGE0];
}

// The values of a layer come with a gradient; which one does not matter.
std::vector<float> pooled_layer(Context& context, const levit_info& info, levit_input input,
                                levit_layer layer) {
  size_t floats = 0;
  check(levit_layer_floats(context.model(), layer, &floats));
  std::vector<float> gradient(floats), values(floats), direction(context.classes(), 0.0F);
  direction[0] = 1;
  check(levit_gradient(context.get(), input, 1, direction.data(), layer, gradient.data(), values.data(),
                       nullptr));
  const size_t width = channels(info, layer);
  std::vector<float> pooled(width, 0.0F);
  for (size_t i = 0; i < floats; ++i) pooled[i % width] += values[i];
  for (float& value : pooled) value /= static_cast<float>(floats / width);
  return pooled;
}

Features features_of(const std::string& path, const SampleReader& reader, Context& context,
                     const levit_info& info) {
  Features features;
  try {
    const MappedFile file(path);
    features.content = content_hash(file.bytes().data(), file.bytes().size());
    reader.read({path, ""}, [&](Sample& sample) {
      for (size_t l = 0; l < kLayers.size(); ++l)
        features.pooled[l] = pooled_layer(context, info, sample.input(), kLayers[l]);
      return false;
    });
  } catch (const std::exception&) {  // named when it was evaluated
    features.pooled = {};
  }
  return features;
}

ProbedLayer probe(const std::vector<Prediction>& pictures, const std::vector<Features>& all, size_t layer,
                  ThreadPool& pool) {
  std::map<size_t, uint32_t> number;  // of a class among those that occur
  LabelledRows training, held_out;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::vector<float>& pooled = all[i].pooled[layer];
    if (pooled.empty()) continue;
    const uint32_t label =
        number.insert({pictures[i].truth, static_cast<uint32_t>(number.size())}).first->second;
    LabelledRows& rows = is_held_out(all[i].content, kHeldOut) ? held_out : training;
    rows.width = pooled.size();
    rows.add(pooled.data(), label);
  }
  if (number.size() < 2 || training.count() < 2 * number.size() || held_out.count() == 0)
    throw std::runtime_error("--probe: too few pictures to learn from and to ask about");
  FitOptions options;
  options.classes = number.size();
  const HeadFit fit = fit_logistic(training, options, pool);
  const HeadScore score = score_head(fit.head, held_out);
  return {layer_flag(kLayers[layer]), training.width, training.count(), score.count, score.correct};
}

}  // namespace

std::vector<ProbedLayer> probe_layers(const ModelFile& model, const std::vector<Prediction>& pictures,
                                      const SampleReader& reader, size_t threads, const char* target) {
  InputList list;
  for (const Prediction& picture : pictures) list.inputs.push_back({picture.path, picture.error});
  Job job(list, threads);
  levit_options options = job.options(1);
  options.features |= LEVIT_GRADIENT;
  options.target = target;
  std::vector<std::unique_ptr<Context>> contexts;
  for (size_t i = 0; i < job.workers(); ++i)
    contexts.push_back(std::make_unique<Context>(model.model(), options));
  std::vector<Features> all;
  job.run<Features>(
      [&](size_t index, size_t, size_t worker) {
        return features_of(pictures[index].path, reader, *contexts[worker], model.info());
      },
      [&](Features& features) {
        all.push_back(std::move(features));
        return true;
      });
  job.finish({});
  std::vector<ProbedLayer> layers;
  for (size_t l = 0; l < kLayers.size() && all.size() == pictures.size(); ++l)
    layers.push_back(probe(pictures, all, l, job.pool()));
  return layers;
}

}  // namespace levit::tools
