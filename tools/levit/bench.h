// levit bench: how fast the network runs here, as a whole and by layer, and how near that is to what the core
// can do.
#ifndef LEVIT_TOOLS_LEVIT_BENCH_H_
#define LEVIT_TOOLS_LEVIT_BENCH_H_

#include <cstddef>
#include <string>

namespace levit::tools {

struct BenchArguments {
  std::string model, target;
  size_t threads = 1, batch = 1;  // threads 0: as many as the machine has
  double seconds = 2;
  bool gradient = false, layers = false, json = false;
};

// Prints a table or JSON. Returns the exit code.
int run_bench(const BenchArguments& arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_BENCH_H_
