// A model's image with all weights in fp32: what levit_widen writes, and what a trainer starts from.
#ifndef LEVIT_RUNTIME_WIDEN_H_
#define LEVIT_RUNTIME_WIDEN_H_

#include "weights/reader.h"

namespace levit::runtime {

// Whether the section of familiarity comes along. It does not hold of features that will move.
enum class Spread : bool { kDropped, kKept };

// The image of `from` in fp32: widened_bytes() at `to`, its tensors from widened_header_bytes() on. Its
// checksum is set.
uint64_t widened_header_bytes(const weights::View& from);
uint64_t widened_bytes(const weights::View& from, Spread spread);
void widen(const weights::View& from, Spread spread, uint8_t* to);

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_WIDEN_H_
