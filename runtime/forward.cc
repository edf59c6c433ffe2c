#include "runtime/forward.h"

#include <cstring>

#include "kernels/tokens.h"
#include "runtime/block.h"
#include "runtime/linear.h"
#include "runtime/stages.h"
#include "runtime/stem.h"

namespace levit::runtime {
namespace {

// Copies the tokens at `layer` out when the pass asks for them.
void tap(const Pass& pass, int layer, const Tokens& x, Range pictures) {
  if (pass.activation == nullptr || pass.layer != layer) return;
  const size_t floats = rows(x) * channels(x);
  std::memcpy(pass.activation + pictures.begin * (floats / pictures.size()), data(x), floats * sizeof(float));
}

// Some pictures up to the end of a stage. Each stage takes the pictures in its own chunks (plan.h).
Tokens run_stage(const Pass& pass, size_t stage, Range pictures) {
  const Network& network = pass.context.network;
  const Tokens x = stage_tokens_of(pass, pass.context.plan.x, stage, pictures);
  const Block* block = network.blocks + network.first_block[stage];
  if (stage == 0) {
    stem(pass, x, pictures);
    tap(pass, LEVIT_STEM, x, pictures);
  } else {
    for_chunks(pass, stage - 1, pictures, [&](Range chunk) {
      downsample(pass, *block, run_stage(pass, stage - 1, chunk), part_of_tokens(x, pictures, chunk), chunk);
    });
    mlp(pass, *block++, x, pictures);
  }
  for (; block != network.blocks + network.first_block[stage + 1]; ++block) {
    attention(pass, *block, x, pictures);
    mlp(pass, *block, x, pictures);
  }
  tap(pass, LEVIT_STAGE0 + static_cast<int>(stage), x, pictures);
  return x;
}

void classify(const Pass& pass, const Tokens& x, float* logits) {
  const Step step{pass.context, kStepHead};
  const Linear& head = pass.context.network.head;
  float* const to = pass.features != nullptr ? pass.features : pass.context.at(pass.context.plan.pooled);
  const Tokens pooled = tokens(to, pass.count, channels(x));
  const size_t picture_tokens = rows(x) / pass.count;
  for (size_t i = 0; i < pass.count; ++i)
    step.kernels().mean_pool({data(x) + i * picture_tokens * channels(x), data(pooled) + i * channels(x),
                              picture_tokens, channels(x)});
  if (pass.features != nullptr) return;
  linear(step, Share::kColumns, head, plain_rows(data(pooled), channels(x)), pass.count,
         plain_columns(logits, head.w.outputs));
}

}  // namespace

void forward(const Pass& pass, float* logits) {
  classify(pass, run_stage(pass, kStages - 1, {0, pass.count}), logits);
}

}  // namespace levit::runtime
