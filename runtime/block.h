// The two halves of a block, each with its VJP: attention with its projection, and the MLP.
//
// `pictures` are those of the batch at whose place the kept values lie; x holds their tokens. Forward passes
// work in place on the tokens; VJPs turn the gradient at the output of a half into the gradient at its input,
// in place too.
#ifndef LEVIT_RUNTIME_BLOCK_H_
#define LEVIT_RUNTIME_BLOCK_H_

#include "runtime/pass.h"
#include "runtime/tensor.h"

namespace levit::runtime {

// x += proj(hardswish(attention(qkv(x)))); x [pictures * tokens, channels].
void attention(const Pass& pass, const Block& block, const Tokens& x, Range pictures);
void attention_vjp(const Pass& pass, const Block& block, const Tokens& dx, Range pictures);

// y = proj(hardswish(attention(q(x at even rows and columns), kv(x)))).
void downsample(const Pass& pass, const Block& block, const Tokens& x, const Tokens& y, Range pictures);
void downsample_vjp(const Pass& pass, const Block& block, const Tokens& dy, const Tokens& dx, Range pictures);

// x += contract(hardswish(expand(x))).
void mlp(const Pass& pass, const Block& block, const Tokens& x, Range pictures);
void mlp_vjp(const Pass& pass, const Block& block, const Tokens& dx, Range pictures);

// Adds some columns of the gradient of one layer's parameters, from the kept values of pictures of one share
// (of any, where the layer is deferred). at_output: the gradient at the output of kProj or kContract where it
// was not kept, else null. scratch: kWeightScratchFloats.
void block_vjp_parameters(const Pass& pass, const Block& block, BlockLayer layer, Range pictures,
                          const float* at_output, Range columns, float* scratch);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_BLOCK_H_
