// Making a trainer: its options, its arena, and the list of what learns.
#include "runtime/train.h"

#include <cstdint>
#include <cstring>
#include <new>

#include "runtime/cross_entropy.h"
#include "runtime/sized.h"
#include "runtime/widen.h"

namespace levit::runtime {
namespace {

constexpr uint32_t kMostBatch = 65536, kMostThreads = 1024, kMostShares = 64;

// What a caller's options come to.
struct Wanted {
  levit_train_options options;
  weights::View from;
  const kernels::Dispatch* kernels;
};

levit_status check_numbers(const levit_train_options& o) {
  const bool adamw = o.optimizer == LEVIT_ADAMW;
  if (!adamw && o.optimizer != LEVIT_SGD) return LEVIT_ARGUMENT;
  if (!(o.weight_decay >= 0) || !is_finite(o.weight_decay)) return LEVIT_ARGUMENT;
  if (!is_share(o.momentum) || !is_share(o.label_smoothing) || !is_share(o.mean)) return LEVIT_ARGUMENT;
  if (adamw && (!is_share(o.second_momentum) || !(o.epsilon > 0) || !is_finite(o.epsilon)))
    return LEVIT_ARGUMENT;
  if (!(o.clip >= 0) || !is_finite(o.clip)) return LEVIT_ARGUMENT;
  return o.layer_decay > 0 && o.layer_decay <= 1 ? LEVIT_OK : LEVIT_ARGUMENT;
}

levit_status check_options(const levit_train_options& o) {
  if (o.reserved != 0) return LEVIT_STRUCT;
  if (o.part < LEVIT_TRAIN_HEAD || o.part > LEVIT_TRAIN_ALL) return LEVIT_ARGUMENT;
  if (o.batch == 0 || o.batch > kMostBatch || o.shares == 0 || o.shares > kMostShares) return LEVIT_ARGUMENT;
  if (o.threads == 0 || o.threads > kMostThreads) return LEVIT_ARGUMENT;
  if (o.threads > 1 && o.parallel_for == nullptr) return LEVIT_ARGUMENT;
  return check_numbers(o);
}

levit_status read_options(const levit_model* model, const levit_train_options* options, Wanted* wanted) {
  if (model == nullptr || options == nullptr) return LEVIT_ARGUMENT;
  wanted->options = levit_default_train_options();
  levit_status status = read_sized(options, &wanted->options, sizeof wanted->options);
  if (status == LEVIT_OK) status = check_options(wanted->options);
  if (status != LEVIT_OK) return status;
  wanted->kernels = kernels::find_target(wanted->options.target);
  if (wanted->kernels == nullptr) return LEVIT_TARGET;
  wanted->from = weights::view(model);
  if (wanted->from.no_head) return LEVIT_NO_HEAD;
  const size_t classes = wanted->from.config.classes;
  if (classes < 2) return LEVIT_CLASS;
  for (size_t k = 0; wanted->options.class_weights != nullptr && k < classes; ++k)
    if (!(wanted->options.class_weights[k] > 0 && wanted->options.class_weights[k] <= 1e30f))
      return LEVIT_ARGUMENT;
  return LEVIT_OK;
}

// The first layer that learns.
uint32_t first_layer_of(levit_train_part part, const weights::Config& config) {
  switch (part) {
    case LEVIT_TRAIN_HEAD:
      return weights::layer_count(config) - 1;
    case LEVIT_TRAIN_STAGE2:
      return weights::first_layer(config, 2, weights::kDownsample);
    case LEVIT_TRAIN_STAGE1:
      return weights::first_layer(config, 1, weights::kDownsample);
    default:
      return 0;
  }
}

// Layers behind a layer, as layer_decay counts them: blocks, and the stem as one.
size_t distance_of(const weights::Layer& layer, const weights::Config& config) {
  if (layer.part == weights::Part::kHead) return 0;
  size_t blocks = 0;
  for (size_t stage = kStages; stage-- > layer.stage;) blocks += config.depth[stage] + (stage > 0 ? 1 : 0);
  if (layer.part == weights::Part::kStem) return blocks + 1;
  if (layer.index == weights::kDownsample) return blocks;
  return blocks - layer.index - (layer.stage > 0 ? 1 : 0);
}

// What learns.
struct Learning {
  size_t begin, deferred,
      end;  // bytes of the image: the first parameter, that of the deferred layers, the last
  size_t pieces, part_floats, deferred_units;
};

// Lists the pieces, to `pieces` unless it is null.
Learning list_pieces(const Wanted& wanted, Piece* pieces) {
  const weights::Config& config = wanted.from.config;
  const uint32_t first = first_layer_of(wanted.options.part, config);
  const uint32_t deferred = weights::first_layer(config, 2, weights::kDownsample);
  Learning learning{};
  weights::TensorWalk walk{&config, weights::Type::kFloat, widened_header_bytes(wanted.from)};
  weights::Tensor tensor;
  for (uint32_t layer = walk.layer; next_tensor(&walk, &tensor); layer = walk.layer) {
    if (layer < first) continue;
    const auto offset = static_cast<size_t>(tensor.offset);
    const size_t floats = static_cast<size_t>(tensor.bytes) / sizeof(float);
    const bool is_table = tensor.kind == weights::Kind::kBiasTable, defers = layer >= deferred;
    if (learning.end == 0) learning.begin = offset;
    if (defers && learning.deferred == 0) {
      learning.deferred = offset;
      learning.part_floats = (offset - learning.begin) / sizeof(float);
    }
    double rate = 1;
    for (size_t i = distance_of(tensor.layer, config); i > 0; --i) rate *= wanted.options.layer_decay;
    const size_t begin = (offset - learning.begin) / sizeof(float);
    const size_t part_begin = defers ? learning.part_floats : begin;
    for (size_t at = 0; at < floats; at += kPieceFloats, ++learning.pieces) {
      const size_t count = floats - at < kPieceFloats ? floats - at : kPieceFloats;
      if (pieces != nullptr)
        pieces[learning.pieces] = {
            begin + at, count, part_begin + at, !defers || is_table, tensor.kind == weights::Kind::kPanels,
            rate};
    }
    if (defers && is_table) learning.part_floats += floats;
    if (defers && tensor.kind == weights::Kind::kPanels)
      learning.deferred_units += kernels::divide_up(tensor.rows, kDeferredColumns);
    learning.end = static_cast<size_t>(walk.offset);
  }
  learning.part_floats = round_to_line(learning.part_floats);
  return learning;
}

// Pieces of an arena, each on a cache line; a null base only counts.
struct Arena {
  unsigned char* base;
  size_t used = 0;

  template <class T>
  T* take(size_t count) {
    const size_t at = used;
    used += kernels::round_up(count * sizeof(T), LEVIT_ARENA_ALIGNMENT);
    return base == nullptr ? nullptr : new (base + at) T[count];
  }
};

// Shares of a step of all pictures.
size_t most_shares(const levit_train_options& o) {
  return o.batch < o.shares ? o.batch : o.shares;
}

// The plan of one replica.
PlanOptions plan_options(const levit_train_options& o, size_t replicas) {
  const size_t shares = most_shares(o);
  static constexpr int kDeepest[] = {LEVIT_STAGE2, LEVIT_STAGE1, LEVIT_STAGE0, LEVIT_INPUT};
  const size_t pictures = kernels::divide_up(o.batch * kernels::divide_up(shares, replicas), shares);
  PlanOptions plan{pictures, 1, o.part != LEVIT_TRAIN_HEAD, false};
  plan.parameters = true;
  plan.deepest = kDeepest[o.part];
  return plan;
}

size_t replicas_of(const levit_train_options& o) {
  const size_t shares = most_shares(o);
  return shares < o.threads ? shares : o.threads;
}

// Fills `made` with what lies where in the arena, and the state but for its header and the image.
size_t lay_out(const Wanted& wanted, const Plan& plan, Arena arena, levit_trainer* made) {
  const levit_train_options& o = wanted.options;
  const size_t classes = wanted.from.config.classes;
  const Learning learning = list_pieces(wanted, nullptr);
  arena.used = kernels::round_up(sizeof(levit_trainer), LEVIT_ARENA_ALIGNMENT);  // which is `made`
  made->replica_count = replicas_of(o);
  made->piece_count = learning.pieces;
  made->deferred_units = learning.deferred_units;
  made->floats = (learning.end - learning.begin) / sizeof(float);
  made->part_floats = learning.part_floats;
  made->replicas = arena.take<levit_context>(made->replica_count);
  Block* const blocks = arena.take<Block>(block_count(wanted.from.config));
  made->class_weights = arena.take<double>(classes);
  made->row = arena.take<double>(made->replica_count * classes);
  made->losses = arena.take<double>(o.batch);
  made->right = arena.take<uint8_t>(o.batch);
  made->status = arena.take<levit_status>(made->replica_count);
  made->logits = arena.take<float>(o.batch * classes);
  made->scratch = arena.take<float>(o.threads * kernels::kWeightScratchFloats);
  made->pieces = arena.take<Piece>(made->piece_count);
  made->squares = arena.take<double>(made->piece_count + made->deferred_units);
  const size_t state_begin = arena.used;
  made->state = arena.take<StateHeader>(1);
  made->image = arena.take<uint8_t>(static_cast<size_t>(widened_bytes(wanted.from, Spread::kDropped)));
  made->moment = arena.take<float>(made->floats);
  made->second = o.optimizer == LEVIT_ADAMW ? arena.take<float>(made->floats) : nullptr;
  made->mean = o.mean > 0 ? arena.take<float>(made->floats) : nullptr;
  made->state_bytes = arena.used - state_begin;
  made->gradient = arena.take<float>(made->floats);
  made->part = arena.take<float>((o.shares - 1) * made->part_floats);
  float* const workspace = arena.take<float>(made->replica_count * round_to_line(plan.floats));
  if (arena.base == nullptr) return arena.used;

  made->first = reinterpret_cast<float*>(made->image + learning.begin);
  made->deferred = reinterpret_cast<float*>(made->image + learning.deferred);
  widen(wanted.from, Spread::kDropped, made->image);  // features move, so what is known of it is void
  const Network network = open_network(weights::view(made->image), blocks);
  for (size_t i = 0; i < made->replica_count; ++i) {
    levit_context& replica = made->replicas[i];
    replica = {};
    replica.network = network;
    replica.plan = plan;
    replica.kernels = wanted.kernels;
    replica.workers = {1, nullptr, nullptr};
    replica.workspace = workspace + i * round_to_line(plan.floats);
  }
  list_pieces(wanted, made->pieces);
  for (size_t k = 0; k < classes; ++k)
    made->class_weights[k] = o.class_weights != nullptr ? static_cast<double>(o.class_weights[k]) : 1;
  const size_t bytes = made->floats * sizeof(float);
  std::memset(made->moment, 0, bytes);
  if (made->second != nullptr) std::memset(made->second, 0, bytes);
  if (made->mean != nullptr) std::memcpy(made->mean, made->first, bytes);
  return arena.used;
}

// On machines of 32 bits: whether all of it can be counted. No tensor is larger than the image.
bool sizes_fit(const Wanted& wanted, const PlanOptions& options) {
  if constexpr (sizeof(size_t) >= 8) return true;
  PlanOptions one = options;
  one.batch = 1;
  const size_t copies = 5 + wanted.options.shares;
  return widened_bytes(wanted.from, Spread::kDropped) < SIZE_MAX / 2 / copies &&
         make_plan(wanted.from.config, one).unshared <
             SIZE_MAX / 2 / sizeof(float) / (2 * size_t{options.batch});
}

}  // namespace
}  // namespace levit::runtime

extern "C" {

levit_status levit_train_bytes(const levit_model* model, const levit_train_options* options, size_t* bytes) {
  using namespace levit::runtime;
  if (bytes == nullptr) return LEVIT_ARGUMENT;
  Wanted wanted;
  const levit_status status = read_options(model, options, &wanted);
  if (status != LEVIT_OK) return status;
  const PlanOptions plan = plan_options(wanted.options, replicas_of(wanted.options));
  if (!sizes_fit(wanted, plan)) return LEVIT_ARGUMENT;
  levit_trainer nowhere{};
  *bytes = lay_out(wanted, make_plan(wanted.from.config, plan), {nullptr}, &nowhere);
  return LEVIT_OK;
}

levit_status levit_train_create(const levit_model* model, const levit_train_options* options, void* arena,
                                size_t arena_bytes, levit_trainer** trainer) {
  using namespace levit::runtime;
  if (arena == nullptr || trainer == nullptr) return LEVIT_ARGUMENT;
  size_t needed = 0;
  levit_status status = levit_train_bytes(model, options, &needed);
  Wanted wanted;
  if (status == LEVIT_OK) status = read_options(model, options, &wanted);
  if (status != LEVIT_OK) return status;
  if (reinterpret_cast<uintptr_t>(arena) % LEVIT_ARENA_ALIGNMENT != 0) return LEVIT_ALIGNMENT;
  if (arena_bytes < needed) return LEVIT_ARENA;
  auto* const made = new (arena) levit_trainer{};
  const PlanOptions plan = plan_options(wanted.options, replicas_of(wanted.options));
  lay_out(wanted, make_plan(wanted.from.config, plan), {static_cast<unsigned char*>(arena)}, made);
  made->options = wanted.options;
  made->options.class_weights = nullptr;  // copied
  made->kernels = wanted.kernels;
  made->workers = {wanted.options.threads, wanted.options.parallel_for, wanted.options.parallel_context};
  StateHeader& state = *made->state;
  state = {};
  std::memcpy(state.magic, kStateMagic, sizeof state.magic);
  state.byte_order = kStateByteOrder;
  state.version = kStateVersion;
  state.bytes = made->state_bytes;
  state.model = levit::weights::view(made->image).checksum;
  state.part = static_cast<uint32_t>(wanted.options.part);
  state.optimizer = static_cast<uint32_t>(wanted.options.optimizer);
  state.has_mean = made->mean != nullptr ? 1 : 0;
  state.momentum_power = state.second_power = 1;
  *trainer = made;
  return LEVIT_OK;
}

const levit_model* levit_train_model(const levit_trainer* trainer) {
  return trainer == nullptr ? nullptr : reinterpret_cast<const levit_model*>(trainer->image);
}

uint64_t levit_train_steps(const levit_trainer* trainer) {
  return trainer == nullptr ? 0 : trainer->state->steps;
}

}  // extern "C"
