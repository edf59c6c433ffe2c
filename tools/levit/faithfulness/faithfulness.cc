#include "tools/levit/faithfulness/faithfulness.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/common/interval.h"
#include "tools/common/ordered_run.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"
#include "tools/levit/explain/report.h"
#include "tools/levit/faithfulness/curves.h"
#include "tools/levit/faithfulness/report.h"

namespace levit::tools {
namespace {

constexpr size_t kResultsAhead = 8;  // per worker

// Measures one picture after another on one thread.
class Measurer {
 public:
  Measurer(const ExplainArguments& arguments, const ExplainSetup& setup)
      : arguments_(arguments),
        setup_(setup),
        explainer_(setup.explainer(run_options(1))),
        context_(setup.file.model(), run_options(kCurveSteps + 1)) {}

  PictureMeasures measure(const Subject& subject) {
    PictureMeasures result;
    const Answer answer = setup_.answer(explainer_, subject);
    const size_t class_index = setup_.explained_class(answer);
    result.label = answer.label;
    const std::vector<float>& picture = subject.view.tensor;
    const std::vector<float> baseline = blurred_tensor(picture);
    const std::vector<float> edges = sobel_magnitude(tensor_luma(picture, setup_.file.info().std));
    const Score score = [&](const std::vector<float>& tensors, size_t count) {
      return probabilities(tensors, count, class_index);
    };
    const auto measure_map = [&](const Explanation& explanation) {
      MapMeasures measures;
      measures.curves = measured_curves(picture, baseline, falling_order(cell_scores(explanation)), score);
      measures.edge_share = edge_share(heat_pixels(explanation), edges);
      result.maps.push_back(measures);
    };
    for (const Method method : setup_.methods) {  // in the order of measured_maps()
      const Explanation explanation = explainer_.explain(subject.view, method, class_index);
      for (size_t i = 0; explanation.raw.size() > 1 && i < explanation.raw.size(); ++i) {
        measure_map(of_layer(explanation, i));
      }
      measure_map(explanation);
    }
    result.random = random_curves(picture, baseline, score);
    return result;
  }

 private:
  levit_options run_options(size_t batch) const {
    levit_options run = levit_default_options();
    run.target = chosen_target(arguments_.target);
    run.batch = static_cast<uint32_t>(batch);
    run.progress = [](void* /*context*/, size_t /*done*/, size_t /*total*/) { return interrupted() ? 1 : 0; };
    return run;
  }

  std::vector<double> probabilities(const std::vector<float>& tensors, size_t count, size_t class_index) {
    const std::vector<float> values =
        context_.probabilities(context_.classify({nullptr, tensors.data()}, count));
    std::vector<double> result;
    for (size_t i = 0; i < count; ++i) {
      result.push_back(static_cast<double>(values[i * context_.classes() + class_index]));
    }
    return result;
  }

  // The mean curves of the random maps.
  Curves random_curves(const std::vector<float>& picture, const std::vector<float>& baseline,
                       const Score& score) const {
    Curves mean = {std::vector<double>(kCurveSteps + 1, 0.0), std::vector<double>(kCurveSteps + 1, 0.0)};
    const auto count = static_cast<double>(arguments_.controls);
    for (size_t map = 0; map < arguments_.controls; ++map) {
      const auto seed = static_cast<uint32_t>(arguments_.seed + map);
      const Curves curves = measured_curves(picture, baseline, random_order(seed), score);
      for (size_t i = 0; i <= kCurveSteps; ++i) {
        mean.deletion[i] += curves.deletion[i] / count;
        mean.insertion[i] += curves.insertion[i] / count;
      }
    }
    return mean;
  }

  const ExplainArguments& arguments_;
  const ExplainSetup& setup_;
  Explainer explainer_;
  Context context_;
};

struct Outcome {
  std::vector<PictureMeasures> pictures;
  std::string error;
  bool stopped = false;  // by Ctrl-C, before it was done
};

Outcome measure_input(const SubjectReader& reader, const Input& input, Measurer& measurer) {
  Outcome outcome;
  try {
    reader.read(input, [&](const Subject& subject) {
      outcome.pictures.push_back(measurer.measure(subject));
      return !interrupted();
    });
  } catch (const std::exception& error) {
    outcome.error = error.what();
    outcome.stopped = interrupted();
  }
  return outcome;
}

}  // namespace

int run_faithfulness(const ExplainArguments& arguments, const InputList& list) {
  const ExplainSetup setup(arguments);
  if (!arguments.output.empty()) make_output_directory(arguments.output);
  ThreadPool pool(explain_threads(arguments.threads, list.inputs.size()));
  std::vector<std::unique_ptr<Measurer>> measurers;
  for (size_t i = 0; i < pool.threads(); ++i)
    measurers.push_back(std::make_unique<Measurer>(arguments, setup));
  std::vector<Outcome> slots(kResultsAhead * pool.threads());
  std::vector<PictureMeasures> pictures;
  Progress progress(list.inputs.size(), "pictures");
  bool failed = false;
  size_t done = 0;
  OrderedRun run{list.inputs.size(), slots.size(), {}, {}, interrupted};
  run.work = [&](size_t input, size_t slot, size_t worker) {
    slots[slot] = measure_input(setup.reader, list.inputs[input], *measurers[worker]);
  };
  run.emit = [&](size_t input, size_t slot) {
    Outcome& outcome = slots[slot];
    if (outcome.stopped) return;
    pictures.insert(pictures.end(), outcome.pictures.begin(), outcome.pictures.end());
    if (!outcome.error.empty()) {
      failed = true;
      progress.clear();
      complain(list.inputs[input].path + ": " + outcome.error);
    }
    progress.update(++done);
  };
  run_ordered(pool, run);
  progress.clear();
  if (interrupted()) return report_stop(list.inputs.size() - done);
  if (pictures.empty()) throw std::runtime_error("no picture could be measured");

  const FaithfulnessSummary summary = summarise(setup, pictures);
  print(arguments.json ? faithfulness_json(setup, arguments, summary)
                       : faithfulness_table(setup, arguments, summary));
  if (!arguments.output.empty()) write_faithfulness_plot(arguments.output, summary);
  return failed ? kFailedExit : 0;
}

}  // namespace levit::tools
