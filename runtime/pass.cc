// Stem, stages and head in the order of the paper, each with its VJP beside it; and how the workers take
// them.
//
// The first stages are wide and short, the last one is narrow and has most of the weights. So a batch goes
// through stage 0 a few pictures at a time, whose tokens stay in the cache, and through stage 2 as a whole,
// which reads its weights once: the loops below nest, and stage 1 lies between (plan.h, Plan::chunk).
//
// With a picture for every worker the workers do not share pictures at all: each runs a replica of the pass
// over pictures of its own, in a workspace of its own. Sharing means exchanging tokens after every layer;
// replicas made two threads at batch 16 a fifth faster (bench/README.md). No bit depends on any of it.
#include "runtime/pass.h"

#include <cstring>

#include "kernels/contract.h"
#include "kernels/tokens.h"
#include "runtime/block.h"
#include "runtime/linear.h"
#include "runtime/stem.h"

namespace levit::runtime {
namespace {

// Tokens of some pictures, one chunk of a stage, in the plan's x or d_x.
Tokens tokens_of(const Pass& pass, const Slot (&x)[kStages], size_t stage, Range pictures) {
  const weights::Config& config = config_of(pass.context);
  return tokens(pass.context.at(x[stage]), pictures.size() * stage_tokens(config, stage), config.dims[stage]);
}

// The rows of `chunk` within the tokens of `pictures`.
Tokens rows_of(const Tokens& x, Range pictures, Range chunk) {
  const size_t picture_rows = rows(x) / pictures.size();
  return tokens(data(x) + (chunk.begin - pictures.begin) * picture_rows * channels(x),
                chunk.size() * picture_rows, channels(x));
}

// The pictures whose parameter gradients are summed up in one array, of those around `picture`.
Range summed_together(const Pass& pass, Range pictures, size_t picture) {
  if constexpr (kTrains) {
    if (pass.parameters == nullptr) return pictures;
    const Range share = pass.parameters->share_around(picture);
    return {share.begin > pictures.begin ? share.begin : pictures.begin,
            share.end < pictures.end ? share.end : pictures.end};
  }
  return pictures;
}

// body(chunk) for the pictures in chunks of a stage.
template <class Body>
void for_chunks(const Pass& pass, size_t stage, Range pictures, const Body& body) {
  const size_t size = pass.context.plan.chunk[stage];
  for (size_t begin = pictures.begin, end; begin < pictures.end; begin = end) {
    const Range some = summed_together(pass, pictures, begin);
    end = begin + size < some.end ? begin + size : some.end;
    body(Range{begin, end});
  }
}

// The same chunks from the last one on: on the way back, what the way there kept last may still lie in a
// cache.
template <class Body>
void for_chunks_back(const Pass& pass, size_t stage, Range pictures, const Body& body) {
  const size_t size = pass.context.plan.chunk[stage];
  for (size_t end = pictures.end, begin; end > pictures.begin; end = begin) {
    const Range some = summed_together(pass, pictures, end - 1);
    begin = some.begin + (end - 1 - some.begin) / size * size;
    body(Range{begin, end});
  }
}

const Block& first_block(const Pass& pass, size_t stage) {
  const Network& network = pass.context.network;
  return network.blocks[network.first_block[stage]];
}

// Copies the tokens at `layer` out when the pass asks for them.
void tap(const Pass& pass, int layer, const Tokens& x, Range pictures) {
  if (pass.activation == nullptr || pass.layer != layer) return;
  const size_t floats = rows(x) * channels(x);
  std::memcpy(pass.activation + pictures.begin * (floats / pictures.size()), data(x), floats * sizeof(float));
}

// Whether the gradient goes no further than `layer`; copies it out.
bool arrived(const Pass& pass, int layer, const Tokens& dx, Range pictures) {
  if (pass.layer != layer) return false;
  const size_t floats = rows(dx) * channels(dx);
  if (pass.gradient != nullptr)
    std::memcpy(pass.gradient + pictures.begin * (floats / pictures.size()), data(dx),
                floats * sizeof(float));
  return true;
}

// The blocks of a stage; of one after the first, its downsampling is already done but for the MLP.
void stage(const Pass& pass, size_t stage, const Tokens& x, Range pictures) {
  const Network& network = pass.context.network;
  const Block* const end = network.blocks + network.first_block[stage + 1];
  for (const Block* block = &first_block(pass, stage); block != end; ++block) {
    if (!block->shape.downsamples()) attention(pass, *block, x, pictures);
    mlp(pass, *block, x, pictures);
  }
  tap(pass, LEVIT_STAGE0 + static_cast<int>(stage), x, pictures);
}

// False when the gradient was asked behind the stage.
bool stage_vjp(const Pass& pass, size_t stage, const Tokens& dx, Range pictures) {
  if (arrived(pass, LEVIT_STAGE0 + static_cast<int>(stage), dx, pictures)) return false;
  const Network& network = pass.context.network;
  const Block* const first = &first_block(pass, stage);
  for (const Block* block = network.blocks + network.first_block[stage + 1]; block-- != first;) {
    mlp_vjp(pass, *block, dx, pictures);
    if (!block->shape.downsamples()) attention_vjp(pass, *block, dx, pictures);
  }
  return true;
}

void report_head(const Pass& pass, bool backward) {
  const levit_context& context = pass.context;
  if (context.observer == nullptr) return;
  const kernels::Panels& w = context.network.head.w;
  context.observer->after(context.observer->context, {"head", kStages - 1, 0, false, backward, pass.count,
                                                      uint64_t{pass.count} * w.outputs * w.depth});
}

// Mean of the tokens, then one linear map: both heads and their batch norms are folded into it. All workers
// share its columns: rows are as few as pictures.
void head(const Pass& pass, const Tokens& x, float* logits) {
  const Step step{pass.context, kStepHead};
  const Linear& layer = pass.context.network.head;
  float* const to = logits == nullptr ? pass.features : pass.context.at(pass.context.plan.pooled);
  const Tokens pooled = tokens(to, pass.count, channels(x));
  const size_t picture_tokens = stage_tokens(config_of(pass.context), kStages - 1);
  for (size_t i = 0; i < pass.count; ++i)
    step.kernels().mean_pool({data(x) + i * picture_tokens * channels(x), data(pooled) + i * channels(x),
                              picture_tokens, channels(x)});
  if (logits == nullptr) return;
  if (pass.features != nullptr) std::memcpy(pass.features, to, pass.count * channels(x) * sizeof(float));
  linear(step, Split::kColumns, layer, plain_rows(data(pooled), channels(x)), pass.count,
         plain_columns(logits, layer.w.outputs));
  report_head(pass, false);
}

void head_vjp(const Pass& pass, const float* direction, const Tokens& dx) {
  const levit_context& context = pass.context;
  const Step step{context, mirror(kStepHead)};
  const Linear& layer = context.network.head;
  const Tokens d_pooled = tokens(context.at(context.plan.d_pooled), pass.count, channels(dx));
  const size_t picture_tokens = stage_tokens(config_of(pass.context), kStages - 1);
  linear_vjp(step, layer, plain_rows(direction, layer.w.outputs), pass.count, data(d_pooled), nullptr,
             nullptr);
  for (size_t i = 0; i < pass.count; ++i)
    step.kernels().mean_pool_vjp({data(d_pooled) + i * channels(dx),
                                  data(dx) + i * picture_tokens * channels(dx), picture_tokens,
                                  channels(dx)});
  report_head(pass, true);
}

}  // namespace

void forward(const Pass& pass, float* logits) {
  const Slot(&x)[kStages] = pass.context.plan.x;
  const Range all{0, pass.count};
  const Tokens x2 = tokens_of(pass, x, 2, all);
  for_chunks(pass, 1, all, [&](Range wide) {
    const Tokens x1 = tokens_of(pass, x, 1, wide);
    for_chunks(pass, 0, wide, [&](Range few) {
      const Tokens x0 = tokens_of(pass, x, 0, few);
      stem(pass, x0, few);
      tap(pass, LEVIT_STEM, x0, few);
      stage(pass, 0, x0, few);
      downsample(pass, first_block(pass, 1), x0, rows_of(x1, wide, few), few);
    });
    stage(pass, 1, x1, wide);
    downsample(pass, first_block(pass, 2), x1, rows_of(x2, all, wide), wide);
  });
  stage(pass, 2, x2, all);
  head(pass, x2, logits);
}

void backward(const Pass& pass, const float* direction) {
  const Slot(&d_x)[kStages] = pass.context.plan.d_x;
  const Range all{0, pass.count};
  const Tokens d_x2 = tokens_of(pass, d_x, 2, all);
  head_vjp(pass, direction, d_x2);
  if (!stage_vjp(pass, 2, d_x2, all)) return;
  for_chunks_back(pass, 1, all, [&](Range wide) {
    const Tokens d_x1 = tokens_of(pass, d_x, 1, wide);
    downsample_vjp(pass, first_block(pass, 2), rows_of(d_x2, all, wide), d_x1, wide);
    if (!stage_vjp(pass, 1, d_x1, wide)) return;
    for_chunks_back(pass, 0, wide, [&](Range few) {
      const Tokens d_x0 = tokens_of(pass, d_x, 0, few);
      downsample_vjp(pass, first_block(pass, 1), rows_of(d_x1, wide, few), d_x0, few);
      if (!stage_vjp(pass, 0, d_x0, few)) return;
      if (!arrived(pass, LEVIT_STEM, d_x0, few)) stem_vjp(pass, d_x0, few);
    });
  });
}

#ifdef LEVIT_TRAIN
void deferred_vjp(const Pass& pass, const Block& block, BlockLayer layer, Range columns, float* scratch) {
  const auto add = [&](Range pictures) {
    block_vjp_parameters(pass, block, layer, pictures, nullptr, columns, scratch);
  };
  // Attention of a downsampling passed in chunks of the stage in front of it.
  const bool chunks = block.shape.downsamples() && layer <= BlockLayer::kProj;
  chunks ? for_chunks(pass, block.stage - 1, {0, pass.count}, add) : add({0, pass.count});
}

void deferred_head_vjp(const Pass& pass, const float* direction, Range columns, float* scratch) {
  const levit_context& context = pass.context;
  const Linear& layer = context.network.head;
  const float* const pooled = context.at(context.plan.pooled);
  linear_vjp_parameters(pass, layer, plain_rows(direction, layer.w.outputs),
                        plain_rows(pooled, layer.w.depth), pass.count, {0, pass.count}, true, columns,
                        scratch);
}
#endif

namespace {

void run_together(const Pass& pass, float* logits, const float* direction) {
  forward(pass, logits);
  if (kernels::kGradients && direction != nullptr) backward(pass, direction);
}

// The pictures of one replica, by one worker.
void run_replica(const Pass& pass, size_t replica, Range pictures, float* logits, const float* direction) {
  const weights::Config& config = config_of(pass.context);
  levit_context alone = pass.context;
  alone.plan = *pass.context.replica_plan;
  alone.workers = {1, nullptr, nullptr};
  alone.workspace += replica * pass.context.plan.replica_floats;
  if (replica > 0) alone.observer = nullptr;  // whose calls must not meet
  const auto from = [&pictures](auto* all, size_t values) {
    return all != nullptr ? all + pictures.begin * values : nullptr;
  };
  const size_t pixels = layer_floats(config, LEVIT_INPUT);
  const size_t floats =
      pass.layer == kNoLayer ? 0 : layer_floats(config, static_cast<levit_layer>(pass.layer));
  Pass shifted{alone, {from(pass.input.rgb, pixels), from(pass.input.tensor, pixels)}, pictures.size()};
  shifted.layer = pass.layer;
  shifted.activation = from(pass.activation, floats);
  shifted.gradient = from(pass.gradient, floats);
  shifted.features = from(pass.features, config.dims[kStages - 1]);
  run_together(shifted, from(logits, config.classes), from(direction, config.classes));
}

}  // namespace

levit_status run(const Pass& pass, float* logits, const float* direction) {
  const PlanOptions& plan = pass.context.plan.options;
  kernels::require(pass.count > 0 && pass.count <= plan.batch, "a pass has 1 picture to as many as a batch");
  kernels::require(direction == nullptr || plan.gradient, "a backward pass runs in a plan with gradients");
  kernels::require(direction == nullptr || pass.layer != LEVIT_INPUT || pass.gradient != nullptr,
                   "the gradient of the picture has a place to go");
  const size_t replicas = plan.replicas();
  if (replicas == 1 || pass.count < replicas) {
    run_together(pass, logits, direction);
  } else {
    parallel(pass.context.workers, replicas, [&](size_t replica, size_t) {
      run_replica(pass, replica, part_of(pass.count, 1, replicas, replica), logits, direction);
    });
  }
  const weights::Config& config = config_of(pass.context);
  const bool sound =
      (pass.features == nullptr || all_finite(pass.features, pass.count * config.dims[kStages - 1])) &&
      (logits == nullptr || all_finite(logits, pass.count * config.classes));
  return sound ? LEVIT_OK : LEVIT_NUMBER;
}

}  // namespace levit::runtime
