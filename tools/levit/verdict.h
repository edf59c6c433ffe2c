// What `levit` says of one sample, and the forms in which it says it: the same for every command.
#ifndef LEVIT_TOOLS_LEVIT_VERDICT_H_
#define LEVIT_TOOLS_LEVIT_VERDICT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/model_file.h"
#include "tools/levit/sample_reader.h"

namespace levit::tools {

// From here on a picture is said to be unlike anything that the model was trained on: none of a thousand
// training pictures was as far away from the others.
inline constexpr float kUnlikePercentile = 99.9F;

struct Verdict {
  std::string path;
  int64_t index = -1;                // of the tensor in a .npy file [B,3,224,224], else -1
  std::string error;                 // not empty: why there is no verdict; the rest is unset
  size_t width = 0, height = 0;      // of the picture as found, upright
  bool incomplete = false;           // pixels are missing from the file or made up
  std::vector<std::string> says;     // what the file says of itself: beside the verdict, never in it
  std::vector<float> logits;         // [classes]
  std::vector<float> probabilities;  // of each label; of one logit, of its two sides
  size_t label = 0;                  // the most likely
  bool unsure = false;
  size_t views = 1, agreeing = 1;      // of the picture; those whose most likely label is `label`
  float spread = 0;                    // standard deviation of the first probability over the views
  bool measured = false;               // the model knows how its training pictures are spread:
  float distance = 0, percentile = 0;  // levit_familiarity
  bool unlike() const { return measured && percentile >= kUnlikePercentile; }
};

// What the file says of itself, in one line; empty when it says nothing.
std::string file_says(const Verdict& verdict);

// Two classes: the probability of the first lies in [low, high]. More: no probability is above `high`.
struct UnsureBand {
  double low = 0.35, high = 0.65;
};

// The labels of the classes; one that several classes share gets the number of its class. Throws
// std::runtime_error for a model without classifier.
std::vector<std::string> class_labels(const ModelFile& model);

// The classes whose label is `name`, of those that class_labels() gives: more than one where it tells equal
// ones apart.
std::vector<size_t> classes_called(const std::vector<std::string>& labels, const std::string& name);

// The verdict on a sample from its logits [classes].
Verdict judged(const Sample& sample, const Context& context, const float* logits, const UnsureBand& band);

// The same from those of several views, logits [views][classes]: their mean decides, and a verdict that not
// all views share is unsure.
Verdict judged_by_views(const Sample& sample, const Context& context, const std::vector<float>& logits,
                        const UnsureBand& band);

// Why there is no verdict on that input or sample.
Verdict failed(const std::string& path, const std::string& error);
Verdict failed(const Sample& sample, const std::string& error);

enum class Form { kTable, kJson, kCsv };

// What is shown of every verdict beside its label.
struct Columns {
  size_t top = 0;          // so many of the most likely classes in place of all; 0: all, in a table the first
  bool one_logit = false;  // of the model: it is the second label's
  bool familiarity = false;
  bool views = false;
};

// What stands above the first verdict; empty for JSON lines.
std::string header_line(Form form, const std::vector<std::string>& labels, const Columns& columns = {});

// One line, in a table one for each of `top` and others where the file says something of itself or the
// picture is unlike the training's. Failures are no row of the table: they are empty there, and an object or
// a row with an error elsewhere.
std::string verdict_line(Form form, const std::vector<std::string>& labels, const Verdict& verdict,
                         const Columns& columns = {});

// Classes by falling probability, equal ones by their number; at most `count`.
std::vector<size_t> most_likely(const Verdict& verdict, size_t count);

// The JSON line with further members, `more` being an object's text that is not empty.
std::string verdict_json(const std::vector<std::string>& labels, const Verdict& verdict,
                         const std::string& more = "{}", const Columns& columns = {});

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_VERDICT_H_
