// A model, pictures and the program, for tests of levit finetune --train.
#ifndef LEVIT_TESTS_TOOLS_FINETUNE_TRAIN_BENCH_H_
#define LEVIT_TESTS_TOOLS_FINETUNE_TRAIN_BENCH_H_

#include <filesystem>
#include <string>

#include "tests/support/program.h"
#include "tests/tools/checkpoint_files.h"
#include "tests/tools/finetune/data.h"

namespace levit::tests {

struct Bench {
  explicit Bench(size_t count = 20, uint32_t classes = 2) {
    write_model(d, classes);
    write_data(d, "data", count);
  }
  static std::string line(const std::string& flags, const std::string& data = "data") {
    return "$levit finetune " + data + " --model model.levit --train " + flags;
  }
  Outcome in(const std::string& script) const { return run("cd " + quoted(d.path()) + "\n" + script); }
  Outcome train(const std::string& flags, const std::string& data = "data") const {
    return in(line(flags, data));
  }
  std::filesystem::path at(const std::string& name) const { return d.path() / name; }
  bool same(const std::string& a, const std::string& b) const {
    return std::filesystem::exists(at(a)) && file_bytes(at(a)) == file_bytes(at(b));
  }
  ScratchDirectory d;
};

}  // namespace levit::tests

#endif  // LEVIT_TESTS_TOOLS_FINETUNE_TRAIN_BENCH_H_
