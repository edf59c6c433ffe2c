// A classifier beside the model's own, as levit_head_pack lays it into the caller's memory.
#ifndef LEVIT_RUNTIME_HEAD_H_
#define LEVIT_RUNTIME_HEAD_H_

#include "kernels/panels.h"
#include "runtime/levit.h"

struct levit_head {
  levit::kernels::Panels w;  // fp32, behind this struct
  const float* bias;         // [panel_count * 16], behind the panels
};

#endif  // LEVIT_RUNTIME_HEAD_H_
