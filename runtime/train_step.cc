// One step: forward and back by replicas, the gradients of the last layers over the whole batch, the norm,
// and the update, each a round of tasks for all workers.
//
// The wide early layers take their weight gradients at once, while a chunk's tokens are in the cache; their
// weights are few, so every share of the pictures has an array for them. Stage 2 has most of the weights and
// few tokens: its gradients wait for the whole batch, workers share their columns, and no second array of
// them exists nor is added up.
#include <cstring>

#include "runtime/cross_entropy.h"
#include "runtime/train.h"

namespace levit::runtime {
namespace {

constexpr double kLargestRate = 1000, kLargestNorm = 1e12;

// What a step is about.
struct Batch {
  levit_trainer& trainer;
  levit_input input;
  const uint32_t* labels;
  size_t count;
  double scale;  // 1 / sum of the weights of the labels' classes

  const weights::Config& config() const { return config_of(trainer.replicas[0]); }
  size_t shares() const { return count < trainer.options.shares ? count : trainer.options.shares; }
  size_t replicas() const { return shares() < trainer.replica_count ? shares() : trainer.replica_count; }
  // The pictures of a replica: whole shares.
  Range pictures(size_t replica) const {
    const Range share = part_of(shares(), 1, replicas(), replica);
    return {part_of(count, 1, shares(), share.begin).begin, part_of(count, 1, shares(), share.end - 1).end};
  }
  ParameterGradients gradients(size_t replica) const {
    const levit_trainer& t = trainer;
    return {t.first, t.deferred, t.gradient, t.part, t.part_floats, count, shares(), pictures(replica).begin};
  }
  Pass pass(size_t replica, const ParameterGradients& gradients) const {
    const Range range = pictures(replica);
    const size_t pixels = layer_floats(config(), LEVIT_INPUT);
    const auto from = [&](auto* all) { return all != nullptr ? all + range.begin * pixels : nullptr; };
    Pass pass{trainer.replicas[replica], {from(input.rgb), from(input.tensor)}, range.size()};
    pass.layer = trainer.replicas[replica].plan.options.deepest;
    pass.parameters = &gradients;
    return pass;
  }
};

levit_status check_batch(const levit_trainer* trainer, levit_input input, const uint32_t* labels,
                         size_t count, double* weight) {
  if (trainer == nullptr || labels == nullptr || count == 0) return LEVIT_ARGUMENT;
  if ((input.rgb == nullptr) == (input.tensor == nullptr)) return LEVIT_ARGUMENT;
  if (count > trainer->options.batch) return LEVIT_BATCH;
  if (trainer->has_mean_in_place) return LEVIT_FEATURE;
  *weight = 0;
  for (size_t i = 0; i < count; ++i) {
    if (labels[i] >= config_of(trainer->replicas[0]).classes) return LEVIT_CLASS;
    *weight += trainer->class_weights[labels[i]];
  }
  return LEVIT_OK;
}

// Forward, the losses, and back, for the pictures of one replica. NUMBER: of the input; DIVERGED: of the
// logits.
levit_status run_replica(const Batch& batch, size_t replica) {
  const levit_trainer& trainer = batch.trainer;
  const Range pictures = batch.pictures(replica);
  const size_t classes = batch.config().classes;
  const ParameterGradients gradients = batch.gradients(replica);
  const Pass pass = batch.pass(replica, gradients);
  if (pass.input.tensor != nullptr &&
      !is_picture(pass.input.tensor, pass.count * layer_floats(batch.config(), LEVIT_INPUT)))
    return LEVIT_NUMBER;
  float* const logits = trainer.logits + pictures.begin * classes;
  forward(pass, logits);
  if (!all_finite(logits, pass.count * classes)) return LEVIT_DIVERGED;
  double* const row = trainer.row + replica * classes;
  const CrossEntropy loss_of{classes, trainer.options.label_smoothing, trainer.class_weights};
  for (size_t i = pictures.begin; i < pictures.end; ++i) {
    float* const of_picture = trainer.logits + i * classes;
    for (size_t k = 0; k < classes; ++k) row[k] = static_cast<double>(of_picture[k]);
    trainer.right[i] = largest(row, classes) == batch.labels[i] ? 1 : 0;
    trainer.losses[i] = cross_entropy(loss_of, batch.labels[i], batch.scale, row);
    for (size_t k = 0; k < classes; ++k) of_picture[k] = static_cast<float>(row[k]);
  }
  if (trainer.options.part != LEVIT_TRAIN_HEAD) backward(pass, logits);
  return LEVIT_OK;
}

// A task of the deferred gradients: some columns of a layer; no block: the head.
struct DeferredUnit {
  const Block* block;
  BlockLayer layer;
  Range columns;
};

DeferredUnit deferred_unit(const levit_trainer& trainer, size_t unit) {
  const Network& network = trainer.replicas[0].network;
  const auto columns = [&unit](const Linear& layer) {
    const size_t begin = unit * kDeferredColumns, left = layer.w.outputs - begin;
    return Range{begin, begin + (left < kDeferredColumns ? left : kDeferredColumns)};
  };
  const Block* const end = network.blocks + network.first_block[kStages];
  for (const Block* block = network.blocks + network.first_block[2];
       trainer.options.part != LEVIT_TRAIN_HEAD && block != end; ++block) {
    for (size_t i = 0; i < kBlockLayers; ++i) {
      const auto layer = static_cast<BlockLayer>(i);
      if (layer == BlockLayer::kQ && !block->shape.downsamples()) continue;
      const Linear& linear = layer_of(*block, layer);
      const size_t units = kernels::divide_up(linear.w.outputs, kDeferredColumns);
      if (unit < units) return {block, layer, columns(linear)};
      unit -= units;
    }
  }
  return {nullptr, BlockLayer::kQkv, columns(network.head)};
}

double sum_of_squares(const levit_trainer& trainer, const void* parameters, size_t begin, size_t count) {
  double squares = 0;
  kernels::AddGradients add{};
  add.gradient = trainer.gradient + (static_cast<const float*>(parameters) - trainer.first) + begin;
  add.count = count;
  add.squares = &squares;
  trainer.kernels->add_gradients(add);
  return squares;
}

// Of the gradient of a unit's columns and their biases, while a cache holds them.
double squares_of(const levit_trainer& trainer, const DeferredUnit& unit) {
  const Linear& layer =
      unit.block != nullptr ? layer_of(*unit.block, unit.layer) : trainer.replicas[0].network.head;
  const size_t columns = kernels::round_up(unit.columns.size(), kernels::kPanelWidth);
  return sum_of_squares(trainer, layer.w.data, unit.columns.begin * layer.w.depth, columns * layer.w.depth) +
         sum_of_squares(trainer, layer.bias, unit.columns.begin, columns);
}

void add_deferred(const Batch& batch) {
  const levit_trainer& trainer = batch.trainer;
  parallel(trainer.workers, trainer.deferred_units, [&](size_t index, size_t worker) {
    const DeferredUnit unit = deferred_unit(trainer, index);
    float* const scratch = trainer.scratch + worker * kernels::kWeightScratchFloats;
    for (size_t replica = 0; replica < batch.replicas(); ++replica) {
      const ParameterGradients gradients = batch.gradients(replica);
      const Pass pass = batch.pass(replica, gradients);
      const float* direction = trainer.logits + batch.pictures(replica).begin * batch.config().classes;
      if (unit.block != nullptr)
        deferred_vjp(pass, *unit.block, unit.layer, unit.columns, scratch);
      else
        deferred_head_vjp(pass, direction, unit.columns, scratch);
    }
    trainer.squares[trainer.piece_count + index] = squares_of(trainer, unit);
  });
}

// Adds the shares' gradients to the first one's; returns the norm of all.
double add_shares(const Batch& batch) {
  const levit_trainer& trainer = batch.trainer;
  parallel(trainer.workers, trainer.piece_count, [&](size_t index, size_t) {
    const Piece& piece = trainer.pieces[index];
    trainer.squares[index] = 0;
    if (!piece.has_parts) return;  // its units have the squares
    kernels::AddGradients add{};
    add.gradient = trainer.gradient + piece.begin;
    add.part = trainer.part + piece.part_begin;
    add.parts = batch.shares() - 1;
    add.stride = trainer.part_floats;
    add.count = piece.count;
    add.squares = trainer.squares + index;
    trainer.kernels->add_gradients(add);
  });
  double sum = 0;
  for (size_t i = 0; i < trainer.piece_count + trainer.deferred_units; ++i) sum += trainer.squares[i];
  return __builtin_sqrt(sum);
}

// Loss, norm and number of right answers, and the gradient.
levit_status differentiate(const Batch& batch, double* loss, double* norm, size_t* correct) {
  levit_trainer& trainer = batch.trainer;
  parallel(trainer.workers, batch.replicas(),
           [&](size_t replica, size_t) { trainer.status[replica] = run_replica(batch, replica); });
  levit_status status = LEVIT_OK;
  for (size_t i = 0; i < batch.replicas(); ++i)
    if (status != LEVIT_NUMBER && trainer.status[i] != LEVIT_OK) status = trainer.status[i];
  *loss = *norm = 0;
  *correct = 0;
  if (status != LEVIT_OK) {
    *loss = *norm = __builtin_nan("");
    return status;
  }
  for (size_t i = 0; i < batch.count; ++i) {
    *loss += trainer.losses[i];
    *correct += trainer.right[i];
  }
  add_deferred(batch);
  *norm = add_shares(batch);
  return is_finite(*loss) && *norm <= kLargestNorm ? LEVIT_OK : LEVIT_DIVERGED;
}

// The parts of an update that are the same for all parameters.
kernels::Optimize common_update(const levit_trainer& trainer, double norm) {
  const levit_train_options& o = trainer.options;
  kernels::Optimize all{};
  all.scale = o.clip > 0 && norm > o.clip ? static_cast<float>(o.clip / norm) : 1.0f;
  all.momentum = static_cast<float>(o.momentum);
  all.second = static_cast<float>(o.second_momentum);
  all.one_less_momentum = static_cast<float>(1 - o.momentum);
  all.one_less_second = static_cast<float>(1 - o.second_momentum);
  all.root = static_cast<float>(1 / __builtin_sqrt(1 - trainer.state->second_power));
  all.epsilon = static_cast<float>(o.epsilon);
  all.mean_keep = static_cast<float>(o.mean);
  all.one_less_mean = static_cast<float>(1 - o.mean);
  return all;
}

void update(levit_trainer& trainer, double rate, double norm) {
  const levit_train_options& o = trainer.options;
  StateHeader& state = *trainer.state;
  ++state.steps;
  state.momentum_power *= o.momentum;
  state.second_power *= o.second_momentum;
  const kernels::Optimize all = common_update(trainer, norm);
  const double first = o.optimizer == LEVIT_ADAMW ? 1 / (1 - state.momentum_power) : 1;
  parallel(trainer.workers, trainer.piece_count, [&](size_t index, size_t) {
    const Piece& piece = trainer.pieces[index];
    const double decay = piece.decays ? o.weight_decay : 0;
    kernels::Optimize some = all;
    some.w = trainer.first + piece.begin;
    some.g = trainer.gradient + piece.begin;
    some.m = trainer.moment + piece.begin;
    some.v = trainer.second != nullptr ? trainer.second + piece.begin : nullptr;
    some.mean = trainer.mean != nullptr ? trainer.mean + piece.begin : nullptr;
    some.count = piece.count;
    some.rate = static_cast<float>(rate * piece.rate * first);
    some.keep = static_cast<float>(1 - rate * piece.rate * decay);
    some.decay = static_cast<float>(decay);
    trainer.kernels->optimize(some);
  });
}

}  // namespace
}  // namespace levit::runtime

extern "C" {

levit_status levit_train_gradient(levit_trainer* trainer, levit_input input, const uint32_t* labels,
                                  size_t count, double* loss, double* norm, size_t* correct) {
  using namespace levit::runtime;
  double weight = 0, loss_here, norm_here;
  size_t correct_here;
  const levit_status status = check_batch(trainer, input, labels, count, &weight);
  if (status != LEVIT_OK) return status;
  return differentiate({*trainer, input, labels, count, 1 / weight}, loss != nullptr ? loss : &loss_here,
                       norm != nullptr ? norm : &norm_here, correct != nullptr ? correct : &correct_here);
}

levit_status levit_train_step(levit_trainer* trainer, levit_input input, const uint32_t* labels, size_t count,
                              double rate, double* loss, double* norm, size_t* correct) {
  using namespace levit::runtime;
  if (!(rate >= 0 && rate <= kLargestRate)) return LEVIT_ARGUMENT;
  double norm_here = 0;
  double* const of_gradient = norm != nullptr ? norm : &norm_here;
  const levit_status status = levit_train_gradient(trainer, input, labels, count, loss, of_gradient, correct);
  if (status == LEVIT_OK) update(*trainer, rate, *of_gradient);
  return status;
}

}  // extern "C"
