// Checkpoints made for a test: safetensors, and the zip of torch.save with a pickle written by hand.
#ifndef LEVIT_TESTS_TOOLS_CHECKPOINT_WRITER_H_
#define LEVIT_TESTS_TOOLS_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/checkpoint/state_dict.h"

namespace levit::tests {

// Values of float32 of its own, so that one can be put into any file.
struct Values {
  std::vector<uint64_t> shape;
  std::vector<float> data;
  std::vector<uint64_t> stride = {};  // of a torch tensor; empty: dense
};
using NamedValues = std::map<std::string, Values>;

// The floating-point tensors of a dict; integers are left out.
NamedValues values_of(const tools::StateDict& dict);

// The same below a prefix.
NamedValues below(const std::string& prefix, const NamedValues& values);

NamedValues joined(NamedValues a, const NamedValues& b);

std::string safetensors_of(const NamedValues& values);

// What a pickle pushes, as opcodes of protocol 2.
class TorchWriter {
 public:
  std::string text(const std::string& value) const;
  std::string integer(uint64_t value) const;
  std::string tensor(const Values& values);
  // Of keys that are pickled already, and their values.
  std::string dict(const std::vector<std::pair<std::string, std::string>>& items,
                   const std::string& start = "}") const;
  std::string state_dict(const NamedValues& values, const std::string& start = "}");
  // The whole file, of one pickled value, and an entry of a name of its own.
  std::string file(const std::string& root, const std::string& more = "") const;

 private:
  std::vector<std::string> storages_;
};

}  // namespace levit::tests

#endif  // LEVIT_TESTS_TOOLS_CHECKPOINT_WRITER_H_
