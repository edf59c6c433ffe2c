// What `levit classify` says of one picture, and the forms in which it says it.
#ifndef LEVIT_TOOLS_LEVIT_VERDICT_H_
#define LEVIT_TOOLS_LEVIT_VERDICT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace levit::tools {

struct Answer {
  std::string path;
  int64_t index = -1;                        // of the tensor in a .npy file [B,3,224,224], else -1
  std::string error;                         // not empty: why there is no verdict; the rest is unset
  size_t width = 0, height = 0;              // of the picture as found, upright
  std::vector<float> logits, probabilities;  // [classes]
  size_t label = 0;                          // the most likely class
  bool unsure = false;
};

// Two classes: the probability of the first lies in [low, high]. More: no probability is above `high`.
struct UnsureBand {
  double low = 0.35, high = 0.65;
};

// Fills label and unsure from the probabilities.
void judge(const UnsureBand& band, Answer& answer);

enum class Form { kTable, kJson, kCsv };

// What stands above the first answer; empty for JSON lines.
std::string header_line(Form form, const std::vector<std::string>& labels);

// One line. Failures are no row of the table: they are empty there, and an object or a row with an error
// elsewhere.
std::string answer_line(Form form, const std::vector<std::string>& labels, const Answer& answer);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_VERDICT_H_
