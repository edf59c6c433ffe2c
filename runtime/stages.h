// How a batch walks through the stages; forward and backward pass share it.
#ifndef LEVIT_RUNTIME_STAGES_H_
#define LEVIT_RUNTIME_STAGES_H_

#include "runtime/context.h"
#include "runtime/tensor.h"

namespace levit::runtime {

// Tokens of some pictures, one chunk of a stage, in the plan's x or d_x.
inline Tokens stage_tokens_of(const Pass& pass, const Slot (&x)[kStages], size_t stage, Range pictures) {
  const weights::Config& config = config_of(pass.context);
  return tokens(pass.context.at(x[stage]), pictures.size() * stage_tokens(config, stage), config.dims[stage]);
}

// The rows of `chunk` within the tokens of `pictures`.
inline Tokens part_of_tokens(const Tokens& x, Range pictures, Range chunk) {
  const size_t picture_rows = rows(x) / pictures.size();
  return tokens(data(x) + (chunk.begin - pictures.begin) * picture_rows * channels(x),
                chunk.size() * picture_rows, channels(x));
}

// body(chunk) for the pictures in chunks of a stage.
template <class Body>
void for_chunks(const Pass& pass, size_t stage, Range pictures, const Body& body) {
  const size_t size = pass.context.plan.chunk[stage];
  for (size_t begin = pictures.begin; begin < pictures.end; begin += size)
    body(Range{begin, begin + size < pictures.end ? begin + size : pictures.end});
}

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_STAGES_H_
