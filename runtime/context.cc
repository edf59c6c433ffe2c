// Making a context: options of any version, one plan, the arena carved; and the checks of what comes into it.
//
// The arena holds, each on a 64-byte bound: the context, its blocks, the plan of a replica where there are
// replicas, and the workspace that the plans lay out.
#include "runtime/context.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>

#include "runtime/sized.h"

namespace levit::runtime {
namespace {

// Bounds that keep every size below overflow on 64 bits; smaller machines are checked in sizes_fit.
constexpr size_t kMaxBatch = 65536, kMaxWorkers = 1024;

constexpr size_t aligned(size_t bytes) {
  return kernels::round_up(bytes, LEVIT_ARENA_ALIGNMENT);
}
constexpr size_t kContextBytes = aligned(sizeof(levit_context));

size_t block_bytes(const weights::Config& config) {
  return aligned(block_count(config) * sizeof(Block));
}

size_t replica_plan_bytes(const PlanOptions& options) {
  return options.replicas() > 1 ? aligned(sizeof(Plan)) : 0;
}

size_t arena_of(const weights::Config& config, const Plan& plan) {
  return kContextBytes + block_bytes(config) + replica_plan_bytes(plan.options) + plan.floats * sizeof(float);
}

PlanOptions plan_options(const levit_options& options) {
  const bool attribution = (options.features & LEVIT_ATTRIBUTION) != 0;
  const bool gradient = attribution || (options.features & LEVIT_GRADIENT) != 0;
  return {options.batch, options.threads, gradient, attribution};
}

// What a caller's options come to.
struct Wanted {
  levit_options options;
  weights::View view;
  PlanOptions plan;
  const kernels::Dispatch* kernels;
};

levit_status check_options(const levit_options& options) {
  if ((options.features & ~uint32_t{LEVIT_GRADIENT | LEVIT_ATTRIBUTION}) != 0) return LEVIT_ARGUMENT;
  if (!kernels::kGradients && options.features != 0) return LEVIT_FEATURE;
#ifdef LEVIT_NO_ATTRIBUTION
  if ((options.features & LEVIT_ATTRIBUTION) != 0) return LEVIT_FEATURE;
#endif
  if (options.batch == 0 || options.batch > kMaxBatch) return LEVIT_ARGUMENT;
  if (options.threads == 0 || options.threads > kMaxWorkers) return LEVIT_ARGUMENT;
  if (options.threads > 1 && options.parallel_for == nullptr) return LEVIT_ARGUMENT;
  return LEVIT_OK;
}

// The buffers of one picture and worker fit into size_t as often as a plan may count them: for every picture
// and worker, once more for what replicas round up, and once for the shared pictures beside them.
bool sizes_fit(const weights::Config& config, const PlanOptions& options) {
  if constexpr (sizeof(size_t) >= 8) return true;
  PlanOptions one = options;
  one.batch = one.workers = 1;
  const size_t most = SIZE_MAX / sizeof(float) / (3 * (options.batch + options.workers));
  return make_plan(config, one).unshared < most;
}

levit_status read_options(const levit_model* model, const levit_options& options, Wanted* wanted) {
  wanted->options = levit_default_options();
  levit_status status = read_sized(&options, &wanted->options, sizeof wanted->options);
  if (status == LEVIT_OK) status = check_options(wanted->options);
  if (status != LEVIT_OK) return status;
  wanted->kernels = kernels::find_target(wanted->options.target);
  if (wanted->kernels == nullptr) return LEVIT_TARGET;
  wanted->view = weights::view(model);
  wanted->plan = plan_options(wanted->options);
  return sizes_fit(wanted->view.config, wanted->plan) ? LEVIT_OK : LEVIT_ARGUMENT;
}

}  // namespace

levit_status list_plan(const levit_model* model, const levit_options* options, const BufferList& list,
                       Plan* plan) {
  if (model == nullptr || options == nullptr) return LEVIT_ARGUMENT;
  Wanted wanted;
  const levit_status status = read_options(model, *options, &wanted);
  if (status != LEVIT_OK) return status;
  // Replicas are alike; the buffers of one say it all.
  if (wanted.plan.replicas() > 1) make_plan(wanted.view.config, wanted.plan.of_replica(), &list);
  *plan = make_plan(wanted.view.config, wanted.plan, wanted.plan.replicas() > 1 ? nullptr : &list);
  return LEVIT_OK;
}

namespace {

// Whether all magnitudes are at most `most`, by their bits: as integers they are ordered alike, NaN above
// infinity, and no option of a compiler takes NaN for impossible there.
bool all_within(const float* values, size_t count, float most) {
  int32_t limit, beyond = 0;
  std::memcpy(&limit, &most, sizeof limit);
  for (size_t i = 0; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    beyond |= (bits & 0x7fffffff) > limit ? 1 : 0;
  }
  return beyond == 0;
}

}  // namespace

bool all_finite(const float* values, size_t count) {
  return all_within(values, count, std::numeric_limits<float>::max());
}

bool is_picture(const float* tensor, size_t count) {
  return all_within(tensor, count, 0x1p20f);
}

levit_status check_input(const levit_context* context, levit_input input, size_t count) {
  if (context == nullptr || count == 0) return LEVIT_ARGUMENT;
  if ((input.rgb == nullptr) == (input.tensor == nullptr)) return LEVIT_ARGUMENT;
  if (count > context->plan.options.batch) return LEVIT_BATCH;
  const size_t side = config_of(*context).side;
  if (input.tensor != nullptr && !is_picture(input.tensor, count * kChannelsIn * side * side))
    return LEVIT_NUMBER;
  return LEVIT_OK;
}

levit_status check_scored_input(const levit_context* context, levit_input input, size_t count) {
  const levit_status status = check_input(context, input, count);
  return status == LEVIT_OK && context->network.view.no_head ? LEVIT_NO_HEAD : status;
}

size_t layer_floats(const weights::Config& config, levit_layer layer) {
  if (layer == LEVIT_INPUT) return kChannelsIn * config.side * config.side;
  const size_t stage = stage_of(layer);
  return stage_tokens(config, stage) * config.dims[stage];
}

levit_status check_direction(const levit_context& context, const float* direction, size_t count) {
  if (direction == nullptr) return LEVIT_ARGUMENT;
  return all_finite(direction, count * config_of(context).classes) ? LEVIT_OK : LEVIT_NUMBER;
}

void observe(levit_context* context, const Observer* observer) {
  context->observer = observer;
}

}  // namespace levit::runtime

extern "C" {

const char* levit_target_name(size_t index) {
  size_t count = 0;
  const levit::kernels::Dispatch* const* targets = levit::kernels::supported_targets(&count);
  return index < count ? targets[index]->name : nullptr;
}

levit_status levit_arena_bytes(const levit_model* model, const levit_options* options, size_t* bytes) {
  using namespace levit::runtime;
  if (model == nullptr || options == nullptr || bytes == nullptr) return LEVIT_ARGUMENT;
  Wanted wanted;
  const levit_status status = read_options(model, *options, &wanted);
  if (status != LEVIT_OK) return status;
  *bytes = arena_of(wanted.view.config, make_plan(wanted.view.config, wanted.plan));
  return LEVIT_OK;
}

levit_status levit_create(const levit_model* model, const levit_options* options, void* arena,
                          size_t arena_bytes, levit_context** context) {
  using namespace levit::runtime;
  if (model == nullptr || options == nullptr || arena == nullptr || context == nullptr) return LEVIT_ARGUMENT;
  Wanted wanted;
  const levit_status status = read_options(model, *options, &wanted);
  if (status != LEVIT_OK) return status;
  if (reinterpret_cast<uintptr_t>(arena) % LEVIT_ARENA_ALIGNMENT != 0) return LEVIT_ALIGNMENT;
  const levit::weights::Config& config = wanted.view.config;
  const Plan plan = make_plan(config, wanted.plan);
  if (arena_bytes < arena_of(config, plan)) return LEVIT_ARENA;

  auto* memory = static_cast<unsigned char*>(arena);
  auto* made = new (memory) levit_context{};
  auto* blocks = new (memory + kContextBytes) Block[block_count(config)];
  made->network = open_network(wanted.view, blocks);
  made->plan = plan;
  unsigned char* next = memory + kContextBytes + block_bytes(config);
  if (wanted.plan.replicas() > 1)
    made->replica_plan = new (next) Plan(make_plan(config, wanted.plan.of_replica()));
  made->kernels = wanted.kernels;
  made->workers = {wanted.options.threads, wanted.options.parallel_for, wanted.options.parallel_context};
  made->progress = wanted.options.progress;
  made->progress_context = wanted.options.progress_context;
  made->workspace = reinterpret_cast<float*>(next + replica_plan_bytes(wanted.plan));
  *context = made;
  return LEVIT_OK;
}

const char* levit_context_target(const levit_context* context) {
  return context == nullptr ? nullptr : context->kernels->name;
}

}  // extern "C"
