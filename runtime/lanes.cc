#include "runtime/lanes.h"

#include "runtime/backward.h"
#include "runtime/forward.h"

namespace levit::runtime {
namespace {

void run_together(const Pass& pass, float* logits, const float* direction) {
  forward(pass, logits);
  if (direction != nullptr) backward(pass, direction);
}

// The pictures of one lane, by one worker.
void run_lane(const Pass& pass, size_t lane, Range pictures, float* logits, const float* direction) {
  const weights::Config& config = config_of(pass.context);
  levit_context alone = pass.context;
  alone.plan = *pass.context.lane_plan;
  alone.workers = {1, nullptr, nullptr};
  alone.workspace += lane * pass.context.plan.lane_floats;
  if (lane > 0) alone.observer = nullptr;  // whose calls must not meet
  const size_t values = pictures.begin * kChannelsIn * config.side * config.side;
  Pass own{alone, pass.input, pictures.size()};
  if (own.input.rgb != nullptr) own.input.rgb += values;
  if (own.input.tensor != nullptr) own.input.tensor += values;
  own.layer = pass.layer;
  if (pass.layer != kNoLayer) {
    const size_t floats = pictures.begin * layer_floats(config, static_cast<levit_layer>(pass.layer));
    if (pass.activation != nullptr) own.activation = pass.activation + floats;
    if (pass.gradient != nullptr) own.gradient = pass.gradient + floats;
  }
  if (pass.features != nullptr) own.features = pass.features + pictures.begin * config.dims[kStages - 1];
  const size_t scores = pictures.begin * config.classes;
  run_together(own, logits != nullptr ? logits + scores : nullptr,
               direction != nullptr ? direction + scores : nullptr);
}

}  // namespace

levit_status run(const Pass& pass, float* logits, const float* direction) {
  const size_t lanes = pass.context.plan.options.lanes();
  if (lanes == 1 || pass.count < lanes) {
    run_together(pass, logits, direction);
  } else {
    parallel(pass.context.workers, lanes, [&](size_t lane, size_t) {
      run_lane(pass, lane, part_of(pass.count, 1, lanes, lane), logits, direction);
    });
  }
  const weights::Config& config = config_of(pass.context);
  const bool sound = pass.features != nullptr
                         ? all_finite(pass.features, pass.count * config.dims[kStages - 1])
                         : all_finite(logits, pass.count * config.classes);
  return sound ? LEVIT_OK : LEVIT_NUMBER;
}

}  // namespace levit::runtime
