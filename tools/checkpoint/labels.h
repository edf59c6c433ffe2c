// Names of classes, from a command line or a file.
#ifndef LEVIT_TOOLS_CHECKPOINT_LABELS_H_
#define LEVIT_TOOLS_CHECKPOINT_LABELS_H_

#include <string>
#include <string_view>
#include <vector>

namespace levit::tools {

// "cat, dog,\"crane, bird\"": blanks around a label are dropped, quotes hold commas (RFC 4180).
std::vector<std::string> split_labels(std::string_view list);

// A label a line, or JSON: a list of labels; {"0": "cat", ...}; {"cat": 0, ...}; either of these as
// `id2label` or `label2id` of a Hugging Face config.json; ImageNet's {"0": ["n01440764", "tench"], ...}, the
// last of each list counting. Throws std::runtime_error naming the cause: no labels, an empty one, numbers
// that are not 0, 1, ... without a gap.
std::vector<std::string> parse_labels(std::string_view text);

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_CHECKPOINT_LABELS_H_
