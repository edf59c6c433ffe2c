// What the measurements of `levit bench` share.
#ifndef LEVIT_TOOLS_LEVIT_BENCH_BENCH_H_
#define LEVIT_TOOLS_LEVIT_BENCH_BENCH_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace levit::tools {

struct BenchArguments {
  std::string model, target;
  size_t threads = 1, batch = 1;  // threads 0: as many as the machine has
  double seconds = 2;
  bool gradient = false, train = false, layers = false, json = false;
};

inline constexpr double kBenchWarmUp = 0.3;  // seconds, until clock rate and caches have settled

// The same normalised pictures every time.
std::vector<float> bench_pictures(size_t count);

// The fields that every measurement begins with. times: seconds of each run; multiply_adds: of one picture.
nlohmann::ordered_json bench_report(const BenchArguments& arguments, const char* target, const char* pass,
                                    double multiply_adds, const std::vector<double>& times);

// Steps of training all parameters.
nlohmann::ordered_json bench_training(const BenchArguments& arguments);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_BENCH_BENCH_H_
