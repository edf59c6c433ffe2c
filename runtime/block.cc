// Attention with its projection, and the MLP, over the pictures of a chunk; forward and VJP of each side by
// side.
//
// Workers keep their rows from qkv to the last product of a block where rows are many: tokens then stay in
// the cache of the worker that made them (8 % at batch 1, 11 % at batch 16 with two threads;
// bench/README.md). Where they are few, and in a downsampling whose keys all workers need, they share columns
// or heads instead.
#include "runtime/block.h"

#include <cstring>

#include "kernels/attention.h"
#include "kernels/tokens.h"
#include "runtime/linear.h"

namespace levit::runtime {
namespace {

using kernels::SegmentedRows;

size_t products(const Linear& layer) {
  return layer.w.outputs * layer.w.depth;
}

// A block over some pictures: where its tensors lie, and with what its steps run.
struct BlockPass {
  const Pass& pass;
  const Block& block;
  Range pictures;
  bool back;

  const levit_context& context() const { return pass.context; }
  const BlockSlots& slots() const { return context().plan.group[block.group]; }
  bool keeps() const { return pass.keeps(block.stage); }
  size_t key_rows() const { return pictures.size() * block.shape.keys(); }
  size_t query_rows() const { return pictures.size() * block.shape.queries(); }
  float* at(const Slot& slot) const { return context().at(slot, block.index, pictures.begin); }

  Step step(Phase phase) const {
    const size_t index = step_of(block.group, phase);
    return {context(), back ? mirror(index) : index};
  }

  // How workers share q, k and v, and attention with them: as rows, unless every worker would need most of
  // the other ones' keys; then as heads.
  Split attention_split() const {
    const Workers& workers = context().workers;
    if (block.shape.downsamples() && pictures.size() < workers.count) return Split::kColumns;
    return split_of(query_rows(), workers);
  }

  Heads heads(const Slot& qkv) const {
    return heads_over(at(qkv), block.shape.heads, block.shape.head_width(), key_rows());
  }
  Heads queries(const Slot& q) const {
    return heads_over(at(q), block.shape.heads, block.shape.attention.key, query_rows());
  }
  Tokens attended(const Slot& slot) const {
    return tokens(at(slot), query_rows(), block.shape.attended_width());
  }
  Tokens subsampled(const Slot& slot) const { return tokens(at(slot), query_rows(), block.shape.in); }
  Tokens hidden(const Slot& slot) const { return tokens(at(slot), query_rows(), block.shape.hidden); }

  // The input of attention or MLP, for its parameter gradients.
  void keep_input(const Slot& slot, const Tokens& x) const {
    if constexpr (kTrains)
      if (pass.learns(block.stage)) tokens(at(slot), rows(x), channels(x)) = x;
  }
  // The gradient at their output, for the same.
  void keep_gradient(const Slot& slot, const Tokens& dx) const {
    if constexpr (kTrains)
      if (pass.parameters != nullptr && block.group >= kDeferredGroup)
        tokens(at(slot), rows(dx), channels(dx)) = dx;
  }
  // Parameter gradients of a layer, unless they are deferred.
  void learn(BlockLayer layer, Phase phase, const float* at_output) const {
    if constexpr (kTrains)
      if (pass.parameters != nullptr && block.group < kDeferredGroup)
        block_vjp_parameters(pass, block, layer, pictures, at_output, {0, layer_of(block, layer).w.outputs},
                             step(phase).scratch(0));
  }

  void report(const char* name, size_t products_per_picture) const {
    if (context().observer == nullptr) return;
    context().observer->after(context().observer->context,
                              {name, block.stage, block.index, block.shape.downsamples(), back,
                               pictures.size(), uint64_t{pictures.size()} * products_per_picture});
  }
};

// q, k and v of one head of one picture.
struct HeadRows {
  kernels::Rows q, k, v;
};

HeadRows head_rows(const BlockPass& over, const Heads& qkv, const Heads& q, size_t picture, size_t head) {
  const BlockShape& shape = over.block.shape;
  const auto key = static_cast<Eigen::Index>(shape.attention.key);
  const auto value = static_cast<Eigen::Index>(shape.attention.value);
  const auto rows_of_picture = [&](const Heads& heads, size_t tokens) {
    return heads.head(head).middleRows(static_cast<Eigen::Index>(picture * tokens),
                                       static_cast<Eigen::Index>(tokens));
  };
  const auto from = rows_of_picture(qkv, shape.keys());
  if (!shape.downsamples())
    return {rows_of(from.leftCols(key)), rows_of(from.middleCols(key, key)), rows_of(from.rightCols(value))};
  return {rows_of(rows_of_picture(q, shape.queries())), rows_of(from.leftCols(key)),
          rows_of(from.rightCols(value))};
}

// What one head attends to of one picture.
kernels::Rows attended_rows(const BlockPass& over, const Tokens& attended, size_t picture, size_t head) {
  const BlockShape& shape = over.block.shape;
  const auto queries = static_cast<Eigen::Index>(shape.queries());
  const auto value = static_cast<Eigen::Index>(shape.attention.value);
  return rows_of(attended.block(static_cast<Eigen::Index>(picture) * queries,
                                static_cast<Eigen::Index>(head) * value, queries, value));
}

// task(picture, head, worker), neighbours with one worker.
template <class Task>
void for_heads(const BlockPass& over, const Task& task) {
  const Workers& workers = over.context().workers;
  const size_t heads = over.block.shape.heads, jobs = over.pictures.size() * heads;
  const size_t parts = jobs < workers.count ? jobs : workers.count;
  parallel(workers, parts, [&](size_t index, size_t worker) {
    const Range part = part_of(jobs, 1, parts, index);
    for (size_t job = part.begin; job < part.end; ++job) task(job / heads, job % heads, worker);
  });
}

// attended = hardswish(softmax(q k^T / sqrt(key) + bias) v) for every picture and head.
void attend(const BlockPass& over) {
  const BlockShape& shape = over.block.shape;
  const Step step = over.step(Phase::kAttention);
  const Heads qkv = over.heads(over.slots().qkv), q = over.queries(over.slots().q);
  const Tokens attended = over.attended(over.slots().attended);
  const auto attend_to = [&](size_t picture, size_t head, Range queries, size_t worker) {
    const HeadRows at = head_rows(over, qkv, q, picture, head);
    kernels::Attention a{};
    a.shape = shape.attention;
    a.q = at.q;
    a.k = at.k;
    a.v = at.v;
    a.bias_table = over.block.bias_table + head * shape.keys();
    a.y = attended_rows(over, attended, picture, head);
    if (over.keeps()) a.pre = attended_rows(over, over.attended(over.slots().pre_attended), picture, head);
    a.hardswish = true;
    a.streams = over.pass.learns(over.block.stage);
    a.query_begin = queries.begin;
    a.query_end = queries.end;
    a.scratch = step.scratch(worker);
    step.kernels().attention(a);
  };
  const size_t workers = step.workers().count, rows = over.query_rows(), queries = shape.queries();
  if (over.attention_split() == Split::kRows) {
    parallel(step.workers(), workers, [&](size_t index, size_t worker) {
      const Range part = part_of(rows, 1, workers, index);
      for (size_t row = part.begin; row < part.end; row += queries - row % queries) {
        const size_t first = row % queries, end = part.end - row + first;
        for (size_t head = 0; head < shape.heads; ++head)
          attend_to(row / queries, head, {first, end < queries ? end : queries}, worker);
      }
    });
  } else {
    for_heads(over, [&](size_t picture, size_t head, size_t worker) {
      attend_to(picture, head, {0, queries}, worker);
    });
  }
  over.report("attention",
              shape.queries() * shape.keys() * shape.heads * (shape.attention.key + shape.attention.value));
}

// Where the gradient of one head's attention biases is added up for a picture, zeros for the first one of its
// share; null unless it is asked. tables: floats of the tables of the deferred blocks in front of this one.
float* bias_gradient(const BlockPass& over, size_t tables, size_t picture, size_t head) {
  if constexpr (kTrains) {
    const ParameterGradients* const parameters = over.pass.parameters;
    if (parameters == nullptr) return nullptr;
    const float* const table = over.block.bias_table;
    const size_t keys = over.block.shape.keys(), at = over.pictures.begin + picture;
    float* const all = over.block.group >= kDeferredGroup ? parameters->of_table(table, at, tables)
                                                          : parameters->of(table, at);
    // Chunks come from the last one on, the pictures of each from the first one on.
    const Range share = parameters->share_around(at);
    const bool comes_first = over.pictures.end >= share.end && (picture == 0 || at == share.begin);
    if (comes_first) std::memset(all + head * keys, 0, keys * sizeof(float));
    return all + head * keys;
  }
  return nullptr;
}

size_t deferred_tables(const BlockPass& over) {
  size_t floats = 0;
  for (const Block* block = over.context().network.blocks; block != &over.block; ++block)
    if (block->group >= kDeferredGroup) floats += block->shape.heads * block->shape.keys();
  return floats;
}

// d_qkv and d_q from d_attended, the gradient before hardswish.
void attend_vjp(const BlockPass& over) {
  const BlockShape& shape = over.block.shape;
  const Step step = over.step(Phase::kAttention);
  const BlockSlots& slots = over.slots();
  const Heads qkv = over.heads(slots.qkv), q = over.queries(slots.q);
  const Heads d_qkv = over.heads(slots.d_qkv), d_q = over.queries(slots.d_q);
  const Tokens dy = over.attended(slots.d_attended);
  const size_t tables = kTrains && over.pass.parameters != nullptr ? deferred_tables(over) : 0;
  for_heads(over, [&](size_t picture, size_t head, size_t worker) {
    const HeadRows at = head_rows(over, qkv, q, picture, head);
    const HeadRows to = head_rows(over, d_qkv, d_q, picture, head);
    kernels::AttentionVjp a{};
    a.shape = shape.attention;
    a.q = at.q;
    a.k = at.k;
    a.v = at.v;
    a.bias_table = over.block.bias_table + head * shape.keys();
    a.dy = attended_rows(over, dy, picture, head);
    a.dq = to.q;
    a.dk = to.k;
    a.dv = to.v;
    a.dbias_table = bias_gradient(over, tables, picture, head);
    a.scratch = step.scratch(worker);
    step.kernels().attention_vjp(a);
  });
  over.report("attention", 2 * shape.queries() * shape.keys() * shape.heads *
                               (shape.attention.key + shape.attention.value));
}

void project(const BlockPass& over, float* y, const float* residual) {
  const Linear& layer = over.block.proj;
  const Step step = over.step(Phase::kProj);
  linear(step, split_of(over.query_rows(), step.workers()), layer,
         plain_rows(over.at(over.slots().attended), layer.w.depth), over.query_rows(),
         plain_columns(y, layer.w.outputs), {false, {}, residual});
  over.report("proj", over.block.shape.queries() * products(layer));
}

// d_attended, before hardswish, from the gradient at the projection's output.
void project_vjp(const BlockPass& over, const float* dy) {
  const Linear& layer = over.block.proj;
  const Step step = over.step(Phase::kProj);
  const BlockSlots& slots = over.slots();
  over.learn(BlockLayer::kProj, Phase::kProj, dy);
  linear_vjp(step, layer, plain_rows(dy, layer.w.outputs), over.query_rows(), over.at(slots.d_attended),
             over.at(slots.pre_attended), nullptr);
  over.report("proj", over.block.shape.queries() * products(layer));
}

}  // namespace

void attention(const Pass& pass, const Block& block, const Tokens& x, Range pictures) {
  const BlockPass over{pass, block, pictures, false};
  over.keep_input(over.slots().input, x);
  linear(over.step(Phase::kQkv), over.attention_split(), block.qkv, plain_rows(data(x), channels(x)),
         over.key_rows(), columns_of(over.heads(over.slots().qkv)));
  over.report("qkv", block.shape.keys() * products(block.qkv));
  attend(over);
  project(over, data(x), data(x));
}

void attention_vjp(const Pass& pass, const Block& block, const Tokens& dx, Range pictures) {
  const BlockPass over{pass, block, pictures, true};
  over.keep_gradient(over.slots().d_middle, dx);
  project_vjp(over, data(dx));
  attend_vjp(over);
  over.learn(BlockLayer::kQkv, Phase::kQkv, nullptr);
  HeadSegments segments;
  const SegmentedRows d_qkv = segments.rows(over.heads(over.slots().d_qkv));
  linear_vjp(over.step(Phase::kQkv), block.qkv, d_qkv, over.key_rows(), data(dx), nullptr, data(dx));
  over.report("qkv", block.shape.keys() * products(block.qkv));
}

void downsample(const Pass& pass, const Block& block, const Tokens& x, const Tokens& y, Range pictures) {
  const BlockPass over{pass, block, pictures, false};
  const Step step = over.step(Phase::kQkv);
  over.keep_input(over.slots().input, x);
  linear(step, over.attention_split(), block.qkv, plain_rows(data(x), channels(x)), over.key_rows(),
         columns_of(over.heads(over.slots().qkv)));
  const Tokens even = over.subsampled(over.slots().subsampled);
  parallel(step.workers(), pictures.size(), [&](size_t picture, size_t) {
    step.kernels().subsample({data(x) + picture * block.shape.keys() * channels(x),
                              data(even) + picture * block.shape.queries() * channels(x),
                              block.shape.attention.side, channels(x)});
  });
  linear(step, over.attention_split(), block.q, plain_rows(data(even), channels(even)), over.query_rows(),
         columns_of(over.queries(over.slots().q)));
  over.report("qkv", block.shape.keys() * products(block.qkv) + block.shape.queries() * products(block.q));
  attend(over);
  project(over, data(y), nullptr);
}

void downsample_vjp(const Pass& pass, const Block& block, const Tokens& dy, const Tokens& dx,
                    Range pictures) {
  const BlockPass over{pass, block, pictures, true};
  const Step step = over.step(Phase::kQkv);
  const BlockSlots& slots = over.slots();
  over.keep_gradient(slots.d_middle, dy);
  project_vjp(over, data(dy));
  attend_vjp(over);
  over.learn(BlockLayer::kQkv, Phase::kQkv, nullptr);
  over.learn(BlockLayer::kQ, Phase::kQkv, nullptr);
  if (pass.stops_at(LEVIT_STAGE0 + static_cast<int>(block.stage) - 1)) return;
  HeadSegments kv_segments, q_segments;
  const SegmentedRows d_kv = kv_segments.rows(over.heads(slots.d_qkv));
  const SegmentedRows d_q = q_segments.rows(over.queries(slots.d_q));
  linear_vjp(step, block.qkv, d_kv, over.key_rows(), data(dx), nullptr, nullptr);
  const Tokens d_even = over.subsampled(slots.d_subsampled);
  linear_vjp(step, block.q, d_q, over.query_rows(), data(d_even), nullptr, nullptr);
  parallel(step.workers(), pictures.size(), [&](size_t picture, size_t) {
    step.kernels().subsample_vjp({data(d_even) + picture * block.shape.queries() * channels(dx),
                                  data(dx) + picture * block.shape.keys() * channels(dx),
                                  block.shape.attention.side, channels(dx)});
  });
  over.report("qkv", block.shape.keys() * products(block.qkv) + block.shape.queries() * products(block.q));
}

void mlp(const Pass& pass, const Block& block, const Tokens& x, Range pictures) {
  const BlockPass over{pass, block, pictures, false};
  over.keep_input(over.slots().middle, x);
  const Tokens hidden = over.hidden(over.slots().hidden);
  kernels::OutputRows pre{};
  if (over.keeps()) pre = plain_columns(over.at(over.slots().pre_hidden), channels(hidden));
  const Split split = split_of(rows(x), pass.context.workers);
  linear(over.step(Phase::kExpand), split, block.expand, plain_rows(data(x), channels(x)), rows(x),
         plain_columns(data(hidden), channels(hidden)), {true, pre, nullptr, pass.learns(block.stage)});
  over.report("up", block.shape.queries() * products(block.expand));
  linear(over.step(Phase::kContract), split, block.contract, plain_rows(data(hidden), channels(hidden)),
         rows(x), plain_columns(data(x), channels(x)), {false, {}, data(x)});
  over.report("down", block.shape.queries() * products(block.contract));
}

void mlp_vjp(const Pass& pass, const Block& block, const Tokens& dx, Range pictures) {
  const BlockPass over{pass, block, pictures, true};
  const BlockSlots& slots = over.slots();
  const Tokens d_hidden = over.hidden(slots.d_hidden);
  const Step contract = over.step(Phase::kContract), expand = over.step(Phase::kExpand);
  over.keep_gradient(slots.d_out, dx);
  over.learn(BlockLayer::kContract, Phase::kContract, data(dx));
  linear_vjp(contract, block.contract, plain_rows(data(dx), channels(dx)), rows(dx), data(d_hidden),
             over.at(slots.pre_hidden), nullptr);
  over.report("down", block.shape.queries() * products(block.contract));
  over.learn(BlockLayer::kExpand, Phase::kExpand, nullptr);
  linear_vjp(expand, block.expand, plain_rows(data(d_hidden), channels(d_hidden)), rows(dx), data(dx),
             nullptr, data(dx));
  over.report("up", block.shape.queries() * products(block.expand));
}

#ifdef LEVIT_TRAIN
namespace {

// The input of a layer behind a hardswish: kept where its gradients are deferred, else computed again from
// what the slope needs anyway, since keeping it, too, costs more time (2 % of a step) than a hardswish.
const float* activated(const BlockPass& over, const Slot& before, const Slot& after, size_t floats) {
  float* const to = over.at(after);
  if (over.block.group < kDeferredGroup) over.context().kernels->hardswish({over.at(before), to, floats});
  return to;
}

}  // namespace

void block_vjp_parameters(const Pass& pass, const Block& block, BlockLayer layer, Range pictures,
                          const float* at_output, Range columns, float* scratch) {
  const BlockPass over{pass, block, pictures, true};
  const BlockSlots& slots = over.slots();
  const Linear& linear = layer_of(block, layer);
  HeadSegments segments;
  const auto add = [&](const SegmentedRows& dy, const float* x, size_t rows) {
    linear_vjp_parameters(pass, linear, dy, plain_rows(x, linear.w.depth), rows, pictures,
                          block.group >= kDeferredGroup, columns, scratch);
  };
  const auto output = [&](const Slot& kept) { return at_output != nullptr ? at_output : over.at(kept); };
  const float* dy = nullptr;
  switch (layer) {
    case BlockLayer::kQkv:
      return add(segments.rows(over.heads(slots.d_qkv)), over.at(slots.input), over.key_rows());
    case BlockLayer::kQ:
      return add(segments.rows(over.queries(slots.d_q)), over.at(slots.subsampled), over.query_rows());
    case BlockLayer::kProj:
      dy = output(slots.d_middle);
      return add(plain_rows(dy, linear.w.outputs),
                 activated(over, slots.pre_attended, slots.attended, over.query_rows() * linear.w.depth),
                 over.query_rows());
    case BlockLayer::kExpand:
      dy = over.at(slots.d_hidden);
      return add(plain_rows(dy, linear.w.outputs), over.at(slots.middle), over.query_rows());
    case BlockLayer::kContract:
      dy = output(slots.d_out);
      return add(plain_rows(dy, linear.w.outputs),
                 activated(over, slots.pre_hidden, slots.hidden, over.query_rows() * linear.w.depth),
                 over.query_rows());
  }
}
#endif

}  // namespace levit::runtime
