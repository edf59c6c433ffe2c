// What `levit bench` listens to: a call after each piece of a pass. Not part of the public interface;
// observe() in context.h begins it.
#ifndef LEVIT_RUNTIME_OBSERVER_H_
#define LEVIT_RUNTIME_OBSERVER_H_

#include <cstddef>
#include <cstdint>

#include "runtime/levit.h"

namespace levit::runtime {

struct Event {
  const char* name;  // "stem", "qkv", "attention", "proj", "up", "down", "head"
  size_t stage;
  size_t block;  // within its group
  bool downsample, backward;
  size_t pictures;
  uint64_t multiply_adds;
};

struct Observer {
  void (*after)(void* context, const Event& event);
  void* context;
};

}  // namespace levit::runtime

#endif  // LEVIT_RUNTIME_OBSERVER_H_
