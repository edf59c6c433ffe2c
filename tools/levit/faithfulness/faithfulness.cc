// One measurer per thread goes through the pictures; the report makes intervals of what they found.
#include "tools/levit/faithfulness/faithfulness.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/common/input_file.h"
#include "tools/common/interval.h"
#include "tools/common/output.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/levit/commands.h"
#include "tools/levit/explain/report.h"
#include "tools/levit/faithfulness/curves.h"
#include "tools/levit/faithfulness/report.h"
#include "tools/levit/job.h"

namespace levit::tools {
namespace {

// Measures one picture after another on one thread.
class Measurer {
 public:
  Measurer(const ExplainArguments& arguments, const ExplainSetup& setup, Job& job)
      : arguments_(arguments),
        setup_(setup),
        explainer_(setup.explainer(run_options(job, 1))),
        context_(setup.file.model(), run_options(job, kCurveSteps + 1)) {}

  PictureMeasures measure(const Sample& sample) {
    PictureMeasures result;
    const Verdict verdict = setup_.verdict(explainer_, sample);
    const size_t class_index = setup_.explained_class(verdict);
    result.label = verdict.label;
    const std::vector<float>& picture = sample.tensor;
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
      const Explanation explanation = explainer_.explain(sample, method, class_index);
      for (size_t i = 0; explanation.raw.size() > 1 && i < explanation.raw.size(); ++i) {
        measure_map(of_layer(explanation, i));
      }
      measure_map(explanation);
    }
    result.random = random_curves(picture, baseline, score);
    return result;
  }

 private:
  levit_options run_options(Job& job, size_t batch) const {
    levit_options run = job.options(batch);
    run.target = chosen_target(arguments_.target);
    run.progress = [](void* /*context*/, size_t /*done*/, size_t /*total*/) { return interrupted() ? 1 : 0; };
    return run;
  }

  std::vector<double> probabilities(const std::vector<float>& tensors, size_t count, size_t class_index) {
    const std::vector<float> values =
        context_.probabilities(context_.classify({nullptr, tensors.data()}, count));
    std::vector<double> result;
    for (size_t i = 0; i < count; ++i) {
      result.push_back(static_cast<double>(values[i * context_.labels() + class_index]));
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
  Verdict failure;
  bool stopped = false;  // by Ctrl-C, before it was done
};

Outcome measure_input(const SampleReader& reader, const Input& input, Measurer& measurer) {
  Outcome outcome;
  try {
    reader.read(input, [&](const Sample& sample) {
      outcome.pictures.push_back(measurer.measure(sample));
      return !interrupted();
    });
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    outcome.failure = failed(input.path, error.what());
    outcome.stopped = interrupted();
  }
  return outcome;
}

}  // namespace

int run_faithfulness(const ExplainArguments& arguments, const InputList& list) {
  const ExplainSetup setup(arguments);
  if (!arguments.output.empty()) make_output_directory(arguments.output);
  Job job(list, arguments.threads);
  std::vector<std::unique_ptr<Measurer>> measurers;
  for (size_t i = 0; i < job.workers(); ++i)
    measurers.push_back(std::make_unique<Measurer>(arguments, setup, job));
  std::vector<PictureMeasures> pictures;
  job.run<Outcome>(
      [&](size_t input, size_t /*count*/, size_t worker) {
        return measure_input(setup.reader, list.inputs[input], *measurers[worker]);
      },
      [&](const Outcome& outcome) {
        if (outcome.stopped) return false;
        pictures.insert(pictures.end(), outcome.pictures.begin(), outcome.pictures.end());
        if (!outcome.failure.error.empty()) job.fail(outcome.failure.path, outcome.failure.error);
        return true;
      });
  const int exit = job.finish({});
  if (interrupted()) return exit;
  if (pictures.empty()) throw std::runtime_error("no picture could be measured");

  const FaithfulnessSummary summary = summarise(setup, pictures);
  print(arguments.json ? faithfulness_json(setup, arguments, summary)
                       : faithfulness_table(setup, arguments, summary));
  if (!arguments.output.empty()) write_faithfulness_plot(arguments.output, summary);
  return exit;
}

}  // namespace levit::tools
