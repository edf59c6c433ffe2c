// Training of a linear head on pooled features: loss, gradient and one step, in double precision.
//
// Rows are taken one by one, so the memory does not depend on the batch, and every sum has one order.
// Parameters, their gradient and their moments lie side by side, [classes][features] and then [classes] of
// the biases, so that a step is one pass over memory.
#include <Eigen/Core>
#include <cstdint>
#include <new>

#include "runtime/context.h"
#include "runtime/cross_entropy.h"
#include "runtime/levit.h"
#include "runtime/mt19937.h"
#include "runtime/sized.h"

namespace levit::runtime {
namespace {

using Vector = Eigen::Map<Eigen::VectorXd>;
using Floats = Eigen::Map<const Eigen::VectorXf>;

constexpr Eigen::Index index(size_t i) {
  return static_cast<Eigen::Index>(i);
}

}  // namespace
}  // namespace levit::runtime

struct levit_head_trainer {
  levit_head_options options;
  double *parameters, *gradient;  // [classes * features + classes]
  double *moment, *second;        // the same; second: AdamW
  double* class_weights;          // [classes]
  double *mean, *scale;           // [features]; parameters are those of (x - mean) * scale
  double *logits, *row;           // [classes], [features]: of the row at hand
  size_t steps;
  double momentum_power, second_power;  // momentum^steps, second_momentum^steps

  size_t count() const { return options.classes * (options.features + 1); }
  double* weight(double* from, size_t k) const { return from + k * options.features; }
  double& bias(double* from, size_t k) const { return from[options.classes * options.features + k]; }
  levit::runtime::Vector all(double* from) const { return {from, levit::runtime::index(count())}; }
};

namespace levit::runtime {
namespace {

constexpr size_t kTrainerBytes = kernels::round_up(sizeof(levit_head_trainer), LEVIT_ARENA_ALIGNMENT);

size_t arrays_of(levit_optimizer optimizer) {
  return optimizer == LEVIT_ADAMW ? 4 : 3;
}

// Takes over the caller's options and checks them.
levit_status read_options(const levit_head_options* options, levit_head_options* known) {
  if (options == nullptr) return LEVIT_ARGUMENT;
  *known = levit_default_head_options(0, 0);
  const levit_status status = read_sized(options, known, sizeof *known);
  if (status != LEVIT_OK) return status;
  const levit_head_options& o = *known;
  if (o.features == 0 || o.features > weights::kMaxDim) return LEVIT_ARGUMENT;
  if (o.classes < 2 || o.classes > weights::kMaxClasses) return LEVIT_ARGUMENT;
  if (o.optimizer != LEVIT_ADAMW && o.optimizer != LEVIT_SGD) return LEVIT_ARGUMENT;
  if (!(o.weight_decay >= 0) || !is_share(o.momentum) || !is_share(o.label_smoothing)) return LEVIT_ARGUMENT;
  if (o.optimizer == LEVIT_ADAMW && (!is_share(o.second_momentum) || !(o.epsilon > 0))) return LEVIT_ARGUMENT;
  for (size_t k = 0; o.class_weights != nullptr && k < o.classes; ++k)
    if (!(o.class_weights[k] > 0 && o.class_weights[k] <= 1e30f)) return LEVIT_ARGUMENT;
  if ((o.mean == nullptr) != (o.scale == nullptr)) return LEVIT_ARGUMENT;
  if (o.mean != nullptr && !all_finite(o.mean, o.features)) return LEVIT_NUMBER;
  for (size_t j = 0; o.scale != nullptr && j < o.features; ++j)
    if (!(o.scale[j] > 0 && o.scale[j] <= 1e30f)) return LEVIT_ARGUMENT;
  return LEVIT_OK;
}

// The row as doubles, and its logits.
void score(const levit_head_trainer& trainer, const float* features) {
  const Eigen::Index width = index(trainer.options.features);
  Vector row(trainer.row, width);
  row = (Floats(features, width).cast<double>() - Vector(trainer.mean, width))
            .cwiseProduct(Vector(trainer.scale, width));
  for (size_t k = 0; k < trainer.options.classes; ++k)
    trainer.logits[k] =
        Vector(trainer.weight(trainer.parameters, k), width).dot(row) + trainer.bias(trainer.parameters, k);
}

// Adds the row's share of the gradient; trainer.logits: its derivatives.
void add_gradient(const levit_head_trainer& trainer) {
  const Eigen::Index width = index(trainer.options.features);
  const Vector row(trainer.row, width);
  for (size_t k = 0; k < trainer.options.classes; ++k) {
    Vector(trainer.weight(trainer.gradient, k), width) += trainer.logits[k] * row;
    trainer.bias(trainer.gradient, k) += trainer.logits[k];
  }
}

levit_status check_rows(const levit_head_trainer* trainer, const float* features, size_t count) {
  if (trainer == nullptr || features == nullptr || count == 0) return LEVIT_ARGUMENT;
  return all_finite(features, count * trainer->options.features) ? LEVIT_OK : LEVIT_NUMBER;
}

levit_status loss_of_rows(levit_head_trainer* trainer, const float* features, const uint32_t* labels,
                          size_t count, bool with_gradient, double* loss, size_t* correct) {
  if (labels == nullptr) return LEVIT_ARGUMENT;
  const levit_status status = check_rows(trainer, features, count);
  if (status != LEVIT_OK) return status;
  double weight = 0;
  for (size_t i = 0; i < count; ++i) {
    if (labels[i] >= trainer->options.classes) return LEVIT_CLASS;
    weight += trainer->class_weights[labels[i]];
  }
  if (with_gradient) trainer->all(trainer->gradient).setZero();
  const CrossEntropy loss_of{trainer->options.classes, trainer->options.label_smoothing,
                             trainer->class_weights};
  double sum = 0;
  size_t right = 0;
  for (size_t i = 0; i < count; ++i) {
    score(*trainer, features + i * trainer->options.features);
    right += largest(trainer->logits, trainer->options.classes) == labels[i] ? 1 : 0;
    sum += cross_entropy(loss_of, labels[i], 1 / weight, trainer->logits);
    if (with_gradient) add_gradient(*trainer);
  }
  if (loss != nullptr) *loss = sum;
  if (correct != nullptr) *correct = right;
  return is_finite(sum) ? LEVIT_OK : LEVIT_DIVERGED;
}

void adamw_step(levit_head_trainer& trainer, double rate) {
  const levit_head_options& o = trainer.options;
  auto w = trainer.all(trainer.parameters).array();
  auto m = trainer.all(trainer.moment).array();
  auto v = trainer.all(trainer.second).array();
  const auto g = trainer.all(trainer.gradient).array();
  trainer.momentum_power *= o.momentum;
  trainer.second_power *= o.second_momentum;
  const double first = rate / (1 - trainer.momentum_power);
  const double root = __builtin_sqrt(1 - trainer.second_power);
  m = o.momentum * m + (1 - o.momentum) * g;
  v = o.second_momentum * v + (1 - o.second_momentum) * g.square();
  w = w * (1 - rate * o.weight_decay) - first * m / (v.sqrt() / root + o.epsilon);
}

void sgd_step(levit_head_trainer& trainer, double rate) {
  const levit_head_options& o = trainer.options;
  auto w = trainer.all(trainer.parameters).array();
  auto m = trainer.all(trainer.moment).array();
  const auto g = trainer.all(trainer.gradient).array();
  const double kept = trainer.steps == 0 ? 0 : o.momentum;
  m = kept * m + (g + o.weight_decay * w);
  w -= rate * m;
}

}  // namespace
}  // namespace levit::runtime

extern "C" {

levit_status levit_feature_scale(const float* rows, size_t count, size_t features, float* mean,
                                 float* scale) {
  using namespace levit::runtime;
  if (rows == nullptr || mean == nullptr || scale == nullptr || count == 0 || features == 0)
    return LEVIT_ARGUMENT;
  if (!all_finite(rows, count * features)) return LEVIT_NUMBER;
  const auto n = static_cast<double>(count);
  for (size_t j = 0; j < features; ++j) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; ++i) sum += static_cast<double>(rows[i * features + j]);
    const double middle = sum / n;
    for (size_t i = 0; i < count; ++i) {
      const double distance = static_cast<double>(rows[i * features + j]) - middle;
      squares += distance * distance;
    }
    const double deviation = __builtin_sqrt(squares / n);
    mean[j] = static_cast<float>(middle);
    scale[j] = deviation > 1e-12 ? static_cast<float>(1 / deviation) : 1;
  }
  return LEVIT_OK;
}

levit_status levit_head_bytes(const levit_head_options* options, size_t* bytes) {
  using namespace levit::runtime;
  if (bytes == nullptr) return LEVIT_ARGUMENT;
  levit_head_options known;
  const levit_status status = read_options(options, &known);
  if (status != LEVIT_OK) return status;
  const size_t parameters = known.classes * (known.features + 1);
  const size_t arrays = arrays_of(known.optimizer);
  if (parameters > SIZE_MAX / sizeof(double) / (arrays + 2)) return LEVIT_ARGUMENT;
  *bytes = kTrainerBytes + (arrays * parameters + 2 * known.classes + 3 * known.features) * sizeof(double);
  return LEVIT_OK;
}

levit_status levit_head_create(const levit_head_options* options, void* memory, size_t bytes,
                               levit_head_trainer** trainer) {
  using namespace levit::runtime;
  if (memory == nullptr || trainer == nullptr) return LEVIT_ARGUMENT;
  size_t needed = 0;
  levit_status status = levit_head_bytes(options, &needed);
  levit_head_options known;
  if (status == LEVIT_OK) status = read_options(options, &known);
  if (status != LEVIT_OK) return status;
  if (reinterpret_cast<uintptr_t>(memory) % LEVIT_ARENA_ALIGNMENT != 0) return LEVIT_ALIGNMENT;
  if (bytes < needed) return LEVIT_ARENA;
  auto* const made = new (memory) levit_head_trainer{};
  made->options = known;
  made->options.class_weights = made->options.mean = made->options.scale = nullptr;  // copied below
  auto* next = reinterpret_cast<double*>(static_cast<unsigned char*>(memory) + kTrainerBytes);
  const auto take = [&next](size_t count) {
    double* const taken = next;
    next += count;
    return taken;
  };
  made->parameters = take(made->count());
  made->gradient = take(made->count());
  made->moment = take(made->count());
  if (known.optimizer == LEVIT_ADAMW) made->second = take(made->count());
  made->class_weights = take(known.classes);
  made->logits = take(known.classes);
  made->row = take(known.features);
  made->mean = take(known.features);
  made->scale = take(known.features);
  for (double* p = made->parameters; p != next; ++p) *p = 0;
  for (size_t k = 0; k < known.classes; ++k)
    made->class_weights[k] = known.class_weights != nullptr ? static_cast<double>(known.class_weights[k]) : 1;
  for (size_t j = 0; j < known.features; ++j) {
    made->mean[j] = known.mean != nullptr ? static_cast<double>(known.mean[j]) : 0;
    made->scale[j] = known.scale != nullptr ? static_cast<double>(known.scale[j]) : 1;
  }
  made->momentum_power = made->second_power = 1;
  *trainer = made;
  return LEVIT_OK;
}

levit_status levit_head_set(levit_head_trainer* trainer, const float* weight, const float* bias) {
  using namespace levit::runtime;
  if (trainer == nullptr || weight == nullptr || bias == nullptr) return LEVIT_ARGUMENT;
  const size_t features = trainer->options.features, classes = trainer->options.classes;
  if (!all_finite(weight, classes * features) || !all_finite(bias, classes)) return LEVIT_NUMBER;
  for (size_t k = 0; k < classes; ++k) {
    double shift = static_cast<double>(bias[k]);
    for (size_t j = 0; j < features; ++j) {
      const double w = static_cast<double>(weight[k * features + j]);
      trainer->weight(trainer->parameters, k)[j] = w / trainer->scale[j];
      shift += w * trainer->mean[j];
    }
    trainer->bias(trainer->parameters, k) = shift;
  }
  return LEVIT_OK;
}

levit_status levit_head_get(const levit_head_trainer* trainer, float* weight, float* bias) {
  using namespace levit::runtime;
  if (trainer == nullptr || weight == nullptr || bias == nullptr) return LEVIT_ARGUMENT;
  const size_t features = trainer->options.features, classes = trainer->options.classes;
  for (size_t k = 0; k < classes; ++k) {
    double shift = trainer->bias(trainer->parameters, k);
    for (size_t j = 0; j < features; ++j) {
      const double w = trainer->weight(trainer->parameters, k)[j] * trainer->scale[j];
      weight[k * features + j] = static_cast<float>(w);
      shift -= w * trainer->mean[j];
    }
    bias[k] = static_cast<float>(shift);
  }
  const bool sound = all_finite(weight, classes * features) && all_finite(bias, classes);
  return sound ? LEVIT_OK : LEVIT_DIVERGED;
}

levit_status levit_head_loss(levit_head_trainer* trainer, const float* features, const uint32_t* labels,
                             size_t count, double* loss, size_t* correct) {
  return levit::runtime::loss_of_rows(trainer, features, labels, count, false, loss, correct);
}

levit_status levit_head_gradient(levit_head_trainer* trainer, const float* features, const uint32_t* labels,
                                 size_t count, double* loss, size_t* correct) {
  return levit::runtime::loss_of_rows(trainer, features, labels, count, true, loss, correct);
}

levit_status levit_head_gradient_from(levit_head_trainer* trainer, const float* features,
                                      const float* direction, size_t count) {
  using namespace levit::runtime;
  const levit_status status = check_rows(trainer, features, count);
  if (status != LEVIT_OK) return status;
  const size_t classes = trainer->options.classes;
  if (direction == nullptr) return LEVIT_ARGUMENT;
  if (!all_finite(direction, count * classes)) return LEVIT_NUMBER;
  trainer->all(trainer->gradient).setZero();
  for (size_t i = 0; i < count; ++i) {
    score(*trainer, features + i * trainer->options.features);
    for (size_t k = 0; k < classes; ++k) trainer->logits[k] = static_cast<double>(direction[i * classes + k]);
    add_gradient(*trainer);
  }
  return LEVIT_OK;
}

levit_status levit_head_step(levit_head_trainer* trainer, double rate) {
  using namespace levit::runtime;
  if (trainer == nullptr || !(rate >= 0) || !is_finite(rate)) return LEVIT_ARGUMENT;
  trainer->options.optimizer == LEVIT_ADAMW ? adamw_step(*trainer, rate) : sgd_step(*trainer, rate);
  ++trainer->steps;
  const auto all = trainer->all(trainer->parameters).array();
  return is_finite((all - all).sum()) ? LEVIT_OK : LEVIT_DIVERGED;
}

double levit_cosine_rate(double base, size_t step, size_t warmup, size_t steps) {
  if (step < warmup) return base * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (step >= steps) return 0;
  const double share = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
  return base * (1 + levit::runtime::cos_pi(share)) / 2;
}

void levit_shuffle(uint32_t seed, size_t count, uint32_t* order) {
  levit::runtime::Mt19937 random(seed);
  for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(i);
  for (size_t i = count; i > 1; --i) {
    const uint32_t other = random.choice(static_cast<uint32_t>(i)), last = order[i - 1];
    order[i - 1] = order[other];
    order[other] = last;
  }
}

}  // extern "C"
