// Buffers are placed so that two of them share bytes whenever their lifetimes do not meet: largest first,
// each at the lowest offset that is free during its whole life (Pisarchyk and Lee 2020, arXiv 2001.03288,
// "greedy by size"). `levit info --plan` draws the result.
#include "runtime/plan.h"

#include <algorithm>

#include "kernels/contract.h"
#include "kernels/conv3x3.h"
#include "kernels/dispatch.h"
#include "kernels/gemm.h"
#include "runtime/stem.h"

namespace levit::runtime {
namespace {

struct Life {
  size_t first, last;  // steps, both included
};
constexpr Life kWholePass{0, kStepSums};
constexpr Life until_mirror(size_t step) {
  return {step, mirror(step)};
}
constexpr Life mirrored(size_t first, size_t last) {
  return {mirror(last), mirror(first)};
}

struct Item {
  size_t* offset;
  size_t floats;
  const char* name;
  uint8_t group, first, last;  // group: kGroups outside of blocks
};
static_assert(kSteps <= 256);

bool meet(const Item& a, const Item& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The buffers of a plan, largest first. Each has a slot of its own, so there are no more than a plan has room
// for.
struct Overlay {
  // NOLINTNEXTLINE(bugprone-sizeof-expression): a bound, for a plan has other fields too
  static constexpr size_t kMostItems = sizeof(Plan) / sizeof(Slot);
  Item items[kMostItems];
  size_t count = 0;

  void add(const Item& item);
  size_t assign(size_t start);
  size_t floats() const;
};

void Overlay::add(const Item& item) {
  if (item.floats == 0) return;
  kernels::require(count < kMostItems, "a plan has a slot for every buffer");
  if (count == kMostItems) return;
  size_t at = count++;
  for (; at > 0 && items[at - 1].floats < item.floats; --at) items[at] = items[at - 1];
  items[at] = item;
}

// Stores the offset of every buffer, from `start` on; returns where the last one ends.
size_t Overlay::assign(size_t start) {
  size_t end = start;
  for (size_t i = 0; i < count; ++i) {
    const Item& item = items[i];
    size_t offset = start;
    // A conflict moves the item behind it; then earlier ones may conflict again.
    for (size_t j = 0; j < i;) {
      const Item& other = items[j];
      if (meet(item, other) && *other.offset < offset + item.floats &&
          offset < *other.offset + other.floats) {
        offset = *other.offset + other.floats;
        j = 0;
      } else {
        ++j;
      }
    }
    *item.offset = offset;
    end = std::max(end, offset + item.floats);
  }
  return end;
}

// Asked for.
size_t Overlay::floats() const {
  size_t sum = 0;
  for (size_t i = 0; i < count; ++i) sum += items[i].floats;
  return sum;
}

struct Planner {
  const weights::Config& config;
  Plan& plan;
  size_t batch;
  Overlay overlay{};
  size_t group = kGroups;  // at hand

  void add(const char* name, Slot* slot, size_t floats, Life life) {
    overlay.add({&slot->offset, round_to_line(floats), name, static_cast<uint8_t>(group),
                 static_cast<uint8_t>(life.first), static_cast<uint8_t>(life.last)});
  }

  // Constants in builds that have no such plans, so that their buffers need no code.
  bool gradient() const { return kernels::kGradients && plan.options.gradient; }
  bool parameters() const { return kernels::kTrains && plan.options.parameters; }

  // One buffer that chunks and blocks share.
  void work(const char* name, Slot* slot, size_t floats, Life life) { add(name, slot, floats, life); }

  // One buffer per block and picture, alive from `step` to its mirror, or to the end where parameter
  // gradients are deferred. When the batch takes several rounds through this step, the values of earlier
  // pictures lie there while later ones pass the steps before it.
  void kept(const char* name, Slot* slot, size_t blocks, size_t floats, size_t step, size_t chunk) {
    slot->picture_stride = floats;
    const bool rounds = chunk < batch || (parameters() && group < group_of(2, false));
    Life life = until_mirror(rounds ? kStepStem : step);
    if (defers()) life.last = kStepSums;
    add(name, slot, blocks * batch * floats, life);
  }

  bool defers() const { return parameters() && group >= kDeferredGroup; }

  // Gradients of `pictures` pictures: one buffer that chunks and blocks share, or, where parameter gradients
  // are deferred, one per block and picture until the end.
  void back(const char* name, Slot* slot, size_t blocks, size_t pictures, size_t floats, Life life) {
    if (!defers()) return work(name, slot, pictures * floats, life);
    slot->picture_stride = floats;
    add(name, slot, blocks * batch * floats, {mirror(step_of(group, Phase::kContract)), kStepSums});
  }

  void scratch(size_t step, size_t floats) {
    if (parameters()) floats = std::max(floats, least_scratch(step));
    plan.scratch[step].picture_stride = round_to_line(floats);
    work("scratch", &plan.scratch[step], plan.options.workers * round_to_line(floats), {step, step});
  }

  // Of a step back with parameter gradients.
  size_t least_scratch(size_t step) const {
    if (step < mirror(kStepHead)) return 0;
    return step == mirror(kStepStem) ? kernels::conv3x3_weight_scratch_floats(config.side)
                                     : kernels::kWeightScratchFloats;
  }

  bool keeps(size_t stage) const {
    return gradient() && plan.options.deepest < LEVIT_STAGE0 + static_cast<int>(stage);
  }

  void add_tokens();
  void add_stem();
  void add_group(size_t stage, bool downsamples);
  void add_head();
  void add_attribution();
};

void Planner::add_tokens() {
  for (size_t stage = 0; stage < kStages; ++stage) {
    const size_t floats = plan.chunk[stage] * stage_tokens(config, stage) * config.dims[stage];
    const bool gathers = stage > 0 && (parameters() || plan.chunk[stage] > plan.chunk[stage - 1]);
    const size_t written = stage == 0 ? kStepStem : step_of(group_of(stage, true), Phase::kProj);
    const size_t read = stage + 1 == kStages ? kStepHead : step_of(group_of(stage + 1, true), Phase::kQkv);
    const size_t first = gathers ? kStepStem : written;
    static constexpr const char* kNames[][2] = {{"x0", "d_x0"}, {"x1", "d_x1"}, {"x2", "d_x2"}};
    work(kNames[stage][0], &plan.x[stage], floats, {first, read});
    if (keeps(stage)) work(kNames[stage][1], &plan.d_x[stage], floats, mirrored(first, read));
  }
}

void Planner::add_stem() {
  scratch(kStepStem, stem_scratch_floats(config));
  if (!gradient() || plan.options.deepest > LEVIT_INPUT) return;
  size_t vjp_scratch = stem_scratch_floats(config);
  for (size_t level = 0; level < kStemLayers; ++level) {
    const size_t side = stem_side(config, level), channels = stem_channels(config, level);
    const bool in_strips = parameters() && level < 2;
    const size_t rows = in_strips ? std::min(side, kStemStrip << (1 - level)) : side;
    const size_t floats = rows * side * channels;
    const size_t out_channels = stem_channels(config, level + 1);
    vjp_scratch = std::max(vjp_scratch, kernels::conv3x3_vjp_scratch_floats(side, channels, out_channels));
    if (parameters())
      work("stem_out", &plan.stem_out[level], kernels::conv3x3_padded_floats(rows, side, channels),
           mirrored(kStepStem, kStepStem));
    if (level == 0) continue;
    work("d_stem", &plan.d_stem[level], floats, mirrored(kStepStem, kStepStem));
    if (level == 1)
      work("stem_pre", &plan.stem_pre[level], floats, mirrored(kStepStem, kStepStem));
    else
      kept("stem_pre", &plan.stem_pre[level], 1, floats, kStepStem, plan.chunk[0]);
  }
  scratch(mirror(kStepStem), vjp_scratch);
}

void Planner::add_group(size_t stage, bool downsamples) {
  group = group_of(stage, downsamples);
  const auto at = [this](Phase phase) { return step_of(group, phase); };
  const size_t blocks = downsamples ? 1 : config.depth[stage];
  const BlockShape shape = block_shape(config, stage, downsamples);
  const size_t chunk = plan.chunk[downsamples ? stage - 1 : stage], mlp_chunk = plan.chunk[stage];
  const size_t qkv = shape.keys() * shape.qkv_width();
  const size_t q = downsamples ? shape.queries() * shape.q_width() : 0;
  const size_t subsampled = downsamples ? shape.queries() * shape.in : 0;
  const size_t attended = shape.queries() * shape.attended_width();
  const size_t hidden = shape.queries() * shape.hidden;
  BlockSlots& slots = plan.group[group];
  // From where values of a phase are kept: those of one block lie there while the next passes all phases.
  const auto keep_from = [&](Phase phase) { return at(blocks > 1 ? Phase::kQkv : phase); };

  const bool learns = parameters() && keeps(stage);
  if (learns) {
    kept("input", &slots.input, blocks, shape.keys() * shape.in, keep_from(Phase::kQkv), chunk);
    kept("subsampled", &slots.subsampled, blocks, subsampled, keep_from(Phase::kQkv), chunk);
    kept("middle", &slots.middle, blocks, shape.queries() * shape.out, keep_from(Phase::kExpand), mlp_chunk);
  }
  if (learns && defers()) {
    kept("attended", &slots.attended, blocks, attended, keep_from(Phase::kAttention), chunk);
    kept("hidden", &slots.hidden, blocks, hidden, keep_from(Phase::kExpand), mlp_chunk);
  } else if (learns) {  // computed again on the way back
    work("attended", &slots.attended, chunk * attended, until_mirror(at(Phase::kAttention)));
    work("hidden", &slots.hidden, mlp_chunk * hidden, until_mirror(at(Phase::kExpand)));
  }
  if (!learns) {
    work("subsampled", &slots.subsampled, chunk * subsampled, {at(Phase::kQkv), at(Phase::kQkv)});
    work("attended", &slots.attended, chunk * attended, {at(Phase::kAttention), at(Phase::kProj)});
    work("hidden", &slots.hidden, mlp_chunk * hidden, {at(Phase::kExpand), at(Phase::kContract)});
  }
  scratch(at(Phase::kQkv), kernels::gemm_scratch_floats(shape.in));
  scratch(at(Phase::kAttention), kernels::attention_scratch_floats(shape.attention));
  scratch(at(Phase::kProj), kernels::gemm_scratch_floats(shape.attended_width()));
  scratch(at(Phase::kExpand), kernels::gemm_scratch_floats(shape.out));
  scratch(at(Phase::kContract), kernels::gemm_scratch_floats(shape.hidden));
  if (!keeps(stage)) {
    work("qkv", &slots.qkv, chunk * qkv, {at(Phase::kQkv), at(Phase::kAttention)});
    work("q", &slots.q, chunk * q, {at(Phase::kQkv), at(Phase::kAttention)});
    return;
  }

  kept("qkv", &slots.qkv, blocks, qkv, keep_from(Phase::kQkv), chunk);
  kept("q", &slots.q, blocks, q, keep_from(Phase::kQkv), chunk);
  kept("pre_attended", &slots.pre_attended, blocks, attended, keep_from(Phase::kAttention), chunk);
  kept("pre_hidden", &slots.pre_hidden, blocks, hidden, keep_from(Phase::kExpand), mlp_chunk);
  work("d_attended", &slots.d_attended, chunk * attended, mirrored(at(Phase::kAttention), at(Phase::kProj)));
  back("d_hidden", &slots.d_hidden, blocks, mlp_chunk, hidden,
       mirrored(at(Phase::kExpand), at(Phase::kContract)));
  back("d_qkv", &slots.d_qkv, blocks, chunk, qkv, mirrored(at(Phase::kQkv), at(Phase::kAttention)));
  back("d_q", &slots.d_q, blocks, chunk, q, mirrored(at(Phase::kQkv), at(Phase::kAttention)));
  if (defers()) {
    const Life life{mirror(at(Phase::kContract)), kStepSums};
    back("d_out", &slots.d_out, blocks, mlp_chunk, shape.queries() * shape.out, life);
    back("d_middle", &slots.d_middle, blocks, chunk, shape.queries() * shape.out, life);
  }
  work("d_subsampled", &slots.d_subsampled, chunk * subsampled, mirrored(at(Phase::kQkv), at(Phase::kQkv)));
  const size_t qkv_outputs = std::max(shape.qkv_width(), shape.q_width());
  scratch(mirror(at(Phase::kQkv)), kernels::gemm_vjp_scratch_floats(qkv_outputs));
  scratch(mirror(at(Phase::kAttention)), kernels::attention_vjp_scratch_floats(shape.attention));
  scratch(mirror(at(Phase::kProj)), kernels::gemm_vjp_scratch_floats(shape.out));
  scratch(mirror(at(Phase::kExpand)), kernels::gemm_vjp_scratch_floats(shape.hidden));
  scratch(mirror(at(Phase::kContract)), kernels::gemm_vjp_scratch_floats(shape.out));
}

void Planner::add_head() {
  group = kGroups;
  const size_t channels = config.dims[kStages - 1];
  scratch(kStepHead, kernels::gemm_scratch_floats(channels));
  work("pooled", &plan.pooled, batch * channels, {kStepHead, parameters() ? kStepSums : kStepHead});
  if (!gradient()) return;
  work("logits", &plan.logits, batch * config.classes, kWholePass);
  work("d_pooled", &plan.d_pooled, batch * channels, mirrored(kStepHead, kStepHead));
  scratch(mirror(kStepHead), kernels::gemm_vjp_scratch_floats(config.classes));
  size_t largest = 0;
  for (size_t stage = 0; stage < kStages; ++stage)
    largest = std::max<size_t>(largest, stage_tokens(config, stage) * config.dims[stage]);
  work("activation", &plan.activation, largest, kWholePass);
}

void Planner::add_attribution() {
  if (!gradient() || !plan.options.attribution) return;
  const size_t pixels = kChannelsIn * config.side * config.side;
  work("direction", &plan.direction, batch * config.classes, kWholePass);
  work("points", &plan.points, batch * pixels, kWholePass);
  // A chunk's gradients reach the picture while later chunks still pass their stages.
  const size_t first = batch > plan.chunk[0] ? mirror(kStepHead) : mirror(kStepStem);
  work("d_points", &plan.d_points, batch * pixels, {first, kStepSums});
  work("drawn", &plan.drawn, batch, kWholePass);
  work("sums", &plan.sums, 2 * pixels, kWholePass);
  work("squares", &plan.squares, 2 * pixels, kWholePass);
}

// Everything but replicas. Not inlined, like what follows: frames stay small.
[[gnu::noinline]] void plan_shared(const weights::Config& config, Plan& plan, const BufferList* list) {
  const PlanOptions& options = plan.options;
  const size_t shared = options.shared();
  plan.chunk[0] = std::min(shared, options.workers);
  plan.chunk[1] = std::min(shared, std::max(size_t{4}, options.workers));
  plan.chunk[2] = shared;
  Planner planner{config, plan, shared};
  planner.add_tokens();
  planner.add_stem();
  for (size_t stage = 0; stage < kStages; ++stage) {
    if (stage > 0) planner.add_group(stage, true);
    planner.add_group(stage, false);
  }
  planner.add_head();
  if (options.replicas() == 1) planner.add_attribution();
  plan.floats = planner.overlay.assign(0);
  plan.unshared = planner.overlay.floats();
  for (size_t i = 0; list != nullptr && i < planner.overlay.count; ++i) {
    const Item& item = planner.overlay.items[i];
    list->each(list->context, {item.name, item.group, *item.offset, item.floats, item.first, item.last});
  }
}

[[gnu::noinline]] size_t floats_of_replica(const weights::Config& config, const PlanOptions& options) {
  return round_to_line(make_plan(config, options.of_replica()).floats);
}

// Replicas lie where the shared pictures do, which never run at the same time; what the whole batch has in
// common lies behind.
[[gnu::noinline]] void add_replicas(const weights::Config& config, Plan& plan) {
  const PlanOptions& options = plan.options;
  plan.replica_floats = floats_of_replica(config, options);
  Planner planner{config, plan, options.batch};
  if (planner.gradient()) planner.work("logits", &plan.logits, options.batch * config.classes, kWholePass);
  planner.add_attribution();
  plan.floats = planner.overlay.assign(std::max(plan.floats, options.replicas() * plan.replica_floats));
}

}  // namespace

Plan make_plan(const weights::Config& config, const PlanOptions& options, const BufferList* list) {
  Plan plan{};
  plan.options = options;
  plan_shared(config, plan, list);
  if (options.replicas() > 1) add_replicas(config, plan);
  return plan;
}

}  // namespace levit::runtime
