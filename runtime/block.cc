#include "runtime/block.h"

#include "kernels/attention.h"
#include "kernels/tokens.h"
#include "runtime/linear.h"

namespace levit::runtime {
namespace {

using kernels::SegmentedRows;

size_t products(const Linear& layer) {
  return layer.w.outputs * layer.w.depth;
}

// Half a block over some pictures: where its tensors lie, and with what its steps run.
struct Half {
  const Pass& pass;
  const Block& block;
  Range pictures;
  bool back;

  const levit_context& context() const { return pass.context; }
  const BlockSlots& slots() const { return context().plan.group[block.group]; }
  bool keeps() const { return pass.keeps(block.stage); }
  size_t key_rows() const { return pictures.size() * block.shape.keys(); }
  size_t query_rows() const { return pictures.size() * block.shape.queries(); }
  float* at(const Slot& slot) const { return context().at(slot, block.order, pictures.begin); }

  Step step(Phase phase) const {
    const size_t index = step_of(block.group, phase);
    return {context(), back ? mirror(index) : index};
  }

  // How workers share q, k and v, and attention with them: as rows, unless every worker would need most of
  // the other ones' keys; then as heads.
  Share attention_share() const {
    const Workers& workers = context().workers;
    if (block.shape.down() && pictures.size() < workers.count) return Share::kColumns;
    return share_of(query_rows(), workers);
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

  // The input of a half, for its parameter gradients.
  void keep_input(const Slot& slot, const Tokens& x) const {
    if (pass.parameters != nullptr) tokens(at(slot), rows(x), channels(x)) = x;
  }

  void report(const char* name, size_t products_per_picture) const {
    if (context().observer == nullptr) return;
    context().observer->after(context().observer->context,
                              {name, block.stage, block.order, block.shape.down(), back, pictures.size(),
                               uint64_t{pictures.size()} * products_per_picture});
  }
};

// q, k and v of one head of one picture.
struct HeadRows {
  kernels::Rows q, k, v;
};

HeadRows head_rows(const Half& half, const Heads& qkv, const Heads& q, size_t picture, size_t head) {
  const kernels::AttentionShape& shape = half.block.shape.attention;
  float* row = qkv.head(head, picture * half.block.shape.keys());
  const size_t stride = qkv.row_stride;
  if (!half.block.shape.down())
    return {{row, stride}, {row + shape.key, stride}, {row + 2 * shape.key, stride}};
  return {{q.head(head, picture * half.block.shape.queries()), q.row_stride},
          {row, stride},
          {row + shape.key, stride}};
}

// task(picture, head, worker), neighbours with one worker.
template <class Task>
void for_heads(const Half& half, const Task& task) {
  const Workers& workers = half.context().workers;
  const size_t heads = half.block.shape.heads, jobs = half.pictures.size() * heads;
  const size_t parts = jobs < workers.count ? jobs : workers.count;
  parallel(workers, parts, [&](size_t index, size_t worker) {
    const Range part = part_of(jobs, 1, parts, index);
    for (size_t job = part.begin; job < part.end; ++job) task(job / heads, job % heads, worker);
  });
}

// attended = hardswish(softmax(q k^T / sqrt(key) + bias) v) for every picture and head.
void attend(const Half& half) {
  const BlockShape& shape = half.block.shape;
  const Step step = half.step(Phase::kAttention);
  const Heads qkv = half.heads(half.slots().qkv), q = half.queries(half.slots().q);
  const Tokens attended = half.attended(half.slots().attended);
  float* pre = half.keeps() ? half.at(half.slots().pre_attended) : nullptr;
  const auto attend_to = [&](size_t picture, size_t head, Range queries, size_t worker) {
    const HeadRows at = head_rows(half, qkv, q, picture, head);
    const size_t y = picture * shape.queries() * channels(attended) + head * shape.attention.value;
    kernels::Attention a{};
    a.shape = shape.attention;
    a.q = at.q;
    a.k = at.k;
    a.v = at.v;
    a.bias_table = half.block.table + head * shape.keys();
    a.y = {data(attended) + y, channels(attended)};
    if (pre != nullptr) a.pre = {pre + y, channels(attended)};
    a.hardswish = true;
    a.query_begin = queries.begin;
    a.query_end = queries.end;
    a.scratch = step.scratch(worker);
    step.kernels().attention(a);
  };
  const size_t workers = step.workers().count, rows = half.query_rows(), queries = shape.queries();
  if (half.attention_share() == Share::kRows) {
    parallel(step.workers(), workers, [&](size_t index, size_t worker) {
      const Range part = part_of(rows, 1, workers, index);
      for (size_t row = part.begin; row < part.end; row += queries - row % queries) {
        const size_t first = row % queries, end = part.end - row + first;
        for (size_t head = 0; head < shape.heads; ++head)
          attend_to(row / queries, head, {first, end < queries ? end : queries}, worker);
      }
    });
  } else {
    for_heads(half, [&](size_t picture, size_t head, size_t worker) {
      attend_to(picture, head, {0, queries}, worker);
    });
  }
  half.report("attention",
              shape.queries() * shape.keys() * shape.heads * (shape.attention.key + shape.attention.value));
}

// d_qkv and d_q from d_attended, the gradient before hardswish.
void attend_vjp(const Half& half) {
  const BlockShape& shape = half.block.shape;
  const Step step = half.step(Phase::kAttention);
  const BlockSlots& slots = half.slots();
  const Heads qkv = half.heads(slots.qkv), q = half.queries(slots.q);
  const Heads d_qkv = half.heads(slots.d_qkv), d_q = half.queries(slots.d_q);
  const Tokens dy = half.attended(slots.d_attended);
  const ParameterGradients* parameters = half.pass.parameters;
  for_heads(half, [&](size_t picture, size_t head, size_t worker) {
    const HeadRows at = head_rows(half, qkv, q, picture, head);
    const HeadRows to = head_rows(half, d_qkv, d_q, picture, head);
    kernels::AttentionVjp a{};
    a.shape = shape.attention;
    a.q = at.q;
    a.k = at.k;
    a.v = at.v;
    a.bias_table = half.block.table + head * shape.keys();
    a.dy = {data(dy) + picture * shape.queries() * channels(dy) + head * shape.attention.value, channels(dy)};
    a.dq = to.q;
    a.dk = to.k;
    a.dv = to.v;
    if (parameters != nullptr) a.dbias_table = parameters->table[half.block.qkv.layer] + head * shape.keys();
    a.scratch = step.scratch(worker);
    step.kernels().attention_vjp(a);
  });
  half.report("attention", 2 * shape.queries() * shape.keys() * shape.heads *
                               (shape.attention.key + shape.attention.value));
}

void project(const Half& half, float* y, const float* residual) {
  const Linear& layer = half.block.proj;
  const Step step = half.step(Phase::kProj);
  linear(step, share_of(half.query_rows(), step.workers()), layer,
         plain_rows(half.at(half.slots().attended), layer.w.depth), half.query_rows(),
         plain_columns(y, layer.w.outputs), {false, {}, residual});
  half.report("proj", half.block.shape.queries() * products(layer));
}

// d_attended, before hardswish, from the gradient at the projection's output.
void project_vjp(const Half& half, const float* dy) {
  const Linear& layer = half.block.proj;
  const Step step = half.step(Phase::kProj);
  const BlockSlots& slots = half.slots();
  linear_vjp_parameters(step, half.pass.parameters, layer, plain_rows(dy, layer.w.outputs),
                        plain_rows(half.at(slots.attended), layer.w.depth), half.query_rows());
  linear_vjp(step, layer, plain_rows(dy, layer.w.outputs), half.query_rows(), half.at(slots.d_attended),
             half.at(slots.pre_attended), nullptr);
  half.report("proj", half.block.shape.queries() * products(layer));
}

}  // namespace

void attention(const Pass& pass, const Block& block, Tokens x, Range pictures) {
  const Half half{pass, block, pictures, false};
  half.keep_input(half.slots().input, x);
  linear(half.step(Phase::kQkv), half.attention_share(), block.qkv, plain_rows(data(x), channels(x)),
         half.key_rows(), columns_of(half.heads(half.slots().qkv)));
  half.report("qkv", block.shape.keys() * products(block.qkv));
  attend(half);
  project(half, data(x), data(x));
}

void attention_vjp(const Pass& pass, const Block& block, Tokens dx, Range pictures) {
  const Half half{pass, block, pictures, true};
  project_vjp(half, data(dx));
  attend_vjp(half);
  HeadSegments segments;
  const SegmentedRows d_qkv = segments.rows(half.heads(half.slots().d_qkv));
  linear_vjp_parameters(half.step(Phase::kQkv), pass.parameters, block.qkv, d_qkv,
                        plain_rows(half.at(half.slots().input), channels(dx)), half.key_rows());
  linear_vjp(half.step(Phase::kQkv), block.qkv, d_qkv, half.key_rows(), data(dx), nullptr, data(dx));
  half.report("qkv", block.shape.keys() * products(block.qkv));
}

void downsample(const Pass& pass, const Block& block, Tokens x, Tokens y, Range pictures) {
  const Half half{pass, block, pictures, false};
  const Step step = half.step(Phase::kQkv);
  half.keep_input(half.slots().input, x);
  linear(step, half.attention_share(), block.qkv, plain_rows(data(x), channels(x)), half.key_rows(),
         columns_of(half.heads(half.slots().qkv)));
  const Tokens even = half.subsampled(half.slots().subsampled);
  parallel(step.workers(), pictures.size(), [&](size_t picture, size_t) {
    step.kernels().subsample({data(x) + picture * block.shape.keys() * channels(x),
                              data(even) + picture * block.shape.queries() * channels(x),
                              block.shape.attention.side, channels(x)});
  });
  linear(step, half.attention_share(), block.q, plain_rows(data(even), channels(even)), half.query_rows(),
         columns_of(half.queries(half.slots().q)));
  half.report("qkv", block.shape.keys() * products(block.qkv) + block.shape.queries() * products(block.q));
  attend(half);
  project(half, data(y), nullptr);
}

void downsample_vjp(const Pass& pass, const Block& block, Tokens dy, Tokens dx, Range pictures) {
  const Half half{pass, block, pictures, true};
  const Step step = half.step(Phase::kQkv);
  const BlockSlots& slots = half.slots();
  project_vjp(half, data(dy));
  attend_vjp(half);
  HeadSegments kv_segments, q_segments;
  const SegmentedRows d_kv = kv_segments.rows(half.heads(slots.d_qkv));
  const SegmentedRows d_q = q_segments.rows(half.queries(slots.d_q));
  linear_vjp_parameters(step, pass.parameters, block.qkv, d_kv,
                        plain_rows(half.at(slots.input), channels(dx)), half.key_rows());
  linear_vjp_parameters(step, pass.parameters, block.q, d_q,
                        plain_rows(half.at(slots.subsampled), channels(dx)), half.query_rows());
  linear_vjp(step, block.qkv, d_kv, half.key_rows(), data(dx), nullptr, nullptr);
  const Tokens d_even = half.subsampled(slots.d_subsampled);
  linear_vjp(step, block.q, d_q, half.query_rows(), data(d_even), nullptr, nullptr);
  parallel(step.workers(), pictures.size(), [&](size_t picture, size_t) {
    step.kernels().subsample_vjp({data(d_even) + picture * block.shape.queries() * channels(dx),
                                  data(dx) + picture * block.shape.keys() * channels(dx),
                                  block.shape.attention.side, channels(dx)});
  });
  half.report("qkv", block.shape.keys() * products(block.qkv) + block.shape.queries() * products(block.q));
}

void mlp(const Pass& pass, const Block& block, Tokens x, Range pictures) {
  const Half half{pass, block, pictures, false};
  half.keep_input(half.slots().middle, x);
  const Tokens hidden = half.hidden(half.slots().hidden);
  kernels::OutputRows pre{};
  if (half.keeps()) pre = plain_columns(half.at(half.slots().pre_hidden), channels(hidden));
  const Share share = share_of(rows(x), pass.context.workers);
  linear(half.step(Phase::kUp), share, block.up, plain_rows(data(x), channels(x)), rows(x),
         plain_columns(data(hidden), channels(hidden)), {true, pre, nullptr});
  half.report("up", block.shape.queries() * products(block.up));
  linear(half.step(Phase::kDown), share, block.down, plain_rows(data(hidden), channels(hidden)), rows(x),
         plain_columns(data(x), channels(x)), {false, {}, data(x)});
  half.report("down", block.shape.queries() * products(block.down));
}

void mlp_vjp(const Pass& pass, const Block& block, Tokens dx, Range pictures) {
  const Half half{pass, block, pictures, true};
  const BlockSlots& slots = half.slots();
  const Tokens d_hidden = half.hidden(slots.d_hidden);
  const Step down = half.step(Phase::kDown), up = half.step(Phase::kUp);
  linear_vjp_parameters(down, pass.parameters, block.down, plain_rows(data(dx), channels(dx)),
                        plain_rows(half.at(slots.hidden), channels(d_hidden)), rows(dx));
  linear_vjp(down, block.down, plain_rows(data(dx), channels(dx)), rows(dx), data(d_hidden),
             half.at(slots.pre_hidden), nullptr);
  half.report("down", block.shape.queries() * products(block.down));
  linear_vjp_parameters(up, pass.parameters, block.up, plain_rows(data(d_hidden), channels(d_hidden)),
                        plain_rows(half.at(slots.middle), channels(dx)), rows(dx));
  linear_vjp(up, block.up, plain_rows(data(d_hidden), channels(d_hidden)), rows(dx), data(dx), nullptr,
             data(dx));
  half.report("up", block.shape.queries() * products(block.up));
}

}  // namespace levit::runtime
