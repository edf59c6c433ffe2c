#include "tools/levit/command.h"

#include "tools/common/output.h"
#include "tools/common/signals.h"

namespace levit::tools {

int report_stop(size_t inputs_left) {
  complain("stopped; " + std::to_string(inputs_left) + " inputs are left");
  return kInterruptedExit;
}

levit_resize chosen_resize(const std::string& flag, const levit_info& info) {
  for (const levit_resize resize : {LEVIT_RESIZE_SQUASH, LEVIT_RESIZE_TIMM, LEVIT_RESIZE_HF})
    if (flag == resize_name(resize)) return resize;
  return info.resize;
}

const char* resize_name(levit_resize resize) {
  constexpr const char* kNames[] = {"squash", "timm", "hf"};  // by levit_resize
  return kNames[resize];
}

}  // namespace levit::tools
