#include "runtime/backward.h"

#include <cstring>

#include "kernels/tokens.h"
#include "runtime/block.h"
#include "runtime/linear.h"
#include "runtime/stages.h"
#include "runtime/stem.h"

namespace levit::runtime {
namespace {

// Whether the gradient goes no further than `layer`; copies it out.
bool arrived(const Pass& pass, int layer, const Tokens& dx, Range pictures) {
  if (pass.layer != layer) return false;
  const size_t floats = rows(dx) * channels(dx);
  if (pass.gradient != nullptr)
    std::memcpy(pass.gradient + pictures.begin * (floats / pictures.size()), data(dx),
                floats * sizeof(float));
  return true;
}

// From the gradient dx at the end of a stage down to the layer.
void stage_vjp(const Pass& pass, size_t stage, Tokens dx, Range pictures) {
  if (arrived(pass, LEVIT_STAGE0 + static_cast<int>(stage), dx, pictures)) return;
  const Network& network = pass.context.network;
  const Block* first = network.blocks + network.first_block[stage];
  for (const Block* block = network.blocks + network.first_block[stage + 1]; block-- != first;) {
    mlp_vjp(pass, *block, dx, pictures);
    if (!block->shape.down()) attention_vjp(pass, *block, dx, pictures);
  }
  if (stage == 0) {
    if (!arrived(pass, LEVIT_STEM, dx, pictures)) stem_vjp(pass, dx, pictures);
    return;
  }
  for_chunks(pass, stage - 1, pictures, [&](Range chunk) {
    const Tokens d_before = stage_tokens_of(pass, pass.context.plan.d_x, stage - 1, chunk);
    downsample_vjp(pass, *first, part_of_tokens(dx, pictures, chunk), d_before, chunk);
    stage_vjp(pass, stage - 1, d_before, chunk);
  });
}

void head_vjp(const Pass& pass, const float* direction, Tokens dx) {
  const levit_context& context = pass.context;
  const Step step{context, mirror(kStepHead)};
  const Linear& head = context.network.head;
  const Tokens d_pooled = tokens(context.at(context.plan.d_pooled), pass.count, channels(dx));
  const size_t picture_tokens = rows(dx) / pass.count;
  linear_vjp_parameters(step, pass.parameters, head, plain_rows(direction, head.w.outputs),
                        plain_rows(context.at(context.plan.pooled), channels(dx)), pass.count);
  linear_vjp(step, head, plain_rows(direction, head.w.outputs), pass.count, data(d_pooled), nullptr, nullptr);
  for (size_t i = 0; i < pass.count; ++i)
    step.kernels().mean_pool_vjp({data(d_pooled) + i * channels(dx),
                                  data(dx) + i * picture_tokens * channels(dx), picture_tokens,
                                  channels(dx)});
}

}  // namespace

void backward(const Pass& pass, const float* direction) {
  const Range all{0, pass.count};
  const Tokens dx = stage_tokens_of(pass, pass.context.plan.d_x, kStages - 1, all);
  head_vjp(pass, direction, dx);
  stage_vjp(pass, kStages - 1, dx, all);
}

}  // namespace levit::runtime
