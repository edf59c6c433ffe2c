// levit attack: how many pictures a model is still right on when their pixels are changed to mislead it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "tools/common/atomic_file.h"
#include "tools/common/input_file.h"
#include "tools/common/signals.h"
#include "tools/common/text.h"
#include "tools/draw/png.h"
#include "tools/levit/attack/attacker.h"
#include "tools/levit/commands.h"
#include "tools/levit/dataset/content_hash.h"
#include "tools/levit/evaluate/bootstrap.h"
#include "tools/levit/evaluate/pictures.h"
#include "tools/levit/evaluate/report.h"
#include "tools/levit/evaluate/svg.h"
#include "tools/levit/explain/page.h"
#include "tools/levit/explain/report.h"
#include "tools/levit/job.h"

namespace levit::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::string data, labels_csv, output;
  std::vector<std::string> map, epsilons = {"1/255", "2/255", "4/255"};
  size_t steps = 10, limit = 0, threads = 0;
  size_t largest_area = PictureOptions().largest_area;  // pixels of a picture
  uint64_t seed = 0;
  bool json = false, ignore_orientation = false;
  std::string model, target, resize;
};

struct Epsilon {
  std::string text;  // as it was given
  float value;
};

// What came of one picture: right without an attack, and for each epsilon after FGSM, PGD, and PGD from disk.
struct Result {
  std::string path, error;
  bool right = false, stopped = false;
  std::vector<std::array<bool, 3>> after;
};

class Attack {
 public:
  Attack(const Arguments& arguments, const ModelFile& model)
      : arguments_(arguments),
        model_(model),
        pictures_(chosen(labelled_pictures(arguments.data, arguments.labels_csv, arguments.map, model))),
        disk_reader_(model.model(), chosen_target(arguments.target), LEVIT_RESIZE_SQUASH, {}) {
    for (const std::string& text : arguments.epsilons) epsilons_.push_back({text, parse_epsilon(text)});
    if (arguments.output.empty()) return;
    refuse_output_inside(arguments.output, arguments.data);
    make_folders();
  }

  int run() {
    InputList list;
    for (const Prediction& picture : pictures_) list.inputs.push_back({picture.path, picture.error});
    Job job(list, arguments_.threads);
    levit_options options = job.options(1);
    options.target = chosen_target(arguments_.target);
    const SampleReader reader(model_.model(), options.target,
                              chosen_resize(arguments_.resize, model_.info().resize),
                              {arguments_.ignore_orientation, false, arguments_.largest_area});
    std::vector<std::unique_ptr<Attacker>> attackers;
    for (size_t i = 0; i < job.workers(); ++i)
      attackers.push_back(std::make_unique<Attacker>(model_.model(), options));
    job.run<Result>(
        [&](size_t index, size_t, size_t worker) {
          return attack(list.inputs[index], index, reader, *attackers[worker]);
        },
        [&](Result& result) {
          if (result.stopped) return false;
          if (!result.error.empty()) {
            job.fail(result.path, result.error);
          } else {
            results_.push_back(std::move(result));
          }
          return true;
        });
    const int exit = job.finish({});
    if (exit == kInterruptedExit) return exit;
    if (results_.empty()) throw std::runtime_error("no picture could be attacked");
    print(arguments_.json ? json() : table());
    if (!arguments_.output.empty()) write_page();
    return exit;
  }

 private:
  // Evenly spread over the sorted list.
  std::vector<Prediction> chosen(std::vector<Prediction> all) const {
    const size_t limit = arguments_.limit;
    if (limit == 0 || limit >= all.size()) return all;
    std::vector<Prediction> some;
    for (size_t i = 0; i < limit; ++i) some.push_back(std::move(all[i * all.size() / limit]));
    return some;
  }

  std::string folder(size_t which, size_t truth) const {
    std::string name = epsilons_[which].text;
    std::replace(name.begin(), name.end(), '/', '_');
    return (fs::path(arguments_.output) / ("epsilon_" + name) / model_.label(truth)).string();
  }

  void make_folders() {
    std::set<size_t> truths;
    OutputNames names;
    for (const Prediction& picture : pictures_) {
      truths.insert(picture.truth);
      names_.push_back(names.name_for(picture.path));
    }
    for (size_t e = 0; e < epsilons_.size(); ++e)
      for (const size_t truth : truths) make_output_directory(folder(e, truth));
  }

  Result attack(const Input& input, size_t index, const SampleReader& reader, Attacker& attacker) const {
    Result result;
    result.path = input.path;
    try {
      if (!input.error.empty()) throw std::runtime_error(input.error);
      reader.read(input, [&](Sample& sample) {
        if (sample.rgb.empty()) throw std::runtime_error("a tensor, not a picture");
        attack(sample.rgb, index, attacker, result);
        return false;
      });
    } catch (const Interrupted&) {
      result.stopped = true;
    } catch (const std::exception& error) {
      result.error = error.what();
    }
    return result;
  }

  void attack(const std::vector<uint8_t>& rgb, size_t index, Attacker& attacker, Result& result) const {
    const std::vector<float> pixels = pixels_of(rgb);
    const size_t truth = pictures_[index].truth;
    result.right = attacker.judge(pixels) == truth;
    for (size_t e = 0; e < epsilons_.size(); ++e) {
      const float epsilon = epsilons_[e].value;
      const std::string salt = result.path + " " + std::to_string(arguments_.seed);
      const std::vector<float> strong =
          attacker.pgd(pixels, truth, epsilon, arguments_.steps, content_hash(salt.data(), salt.size()));
      std::array<bool, 3> right = {attacker.judge(attacker.fgsm(pixels, truth, epsilon)) == truth,
                                   attacker.judge(strong) == truth, false};
      if (!arguments_.output.empty())
        right[2] = rescore(rgb_of(strong, rgb, epsilon), e, index, attacker) == truth;
      result.after.push_back(right);
    }
  }

  // Saves a picture, reads it again and judges it.
  size_t rescore(const std::vector<uint8_t>& rgb, size_t which, size_t index, Attacker& attacker) const {
    Canvas canvas;
    canvas.width = canvas.height = LEVIT_SIDE;
    canvas.rgb = rgb;
    const fs::path path = fs::path(folder(which, pictures_[index].truth)) / (names_[index] + ".png");
    write_png(path, canvas);
    size_t label = 0;
    disk_reader_.read({path.string(), ""}, [&](Sample& sample) {
      label = attacker.judge(pixels_of(sample.rgb));
      return false;
    });
    return label;
  }

  size_t right_before() const {
    size_t right = 0;
    for (const Result& result : results_) right += result.right ? 1 : 0;
    return right;
  }
  size_t right_after(size_t which, size_t attack) const {
    size_t right = 0;
    for (const Result& result : results_) right += result.after[which][attack] ? 1 : 0;
    return right;
  }
  double share(size_t right) const {
    return static_cast<double>(right) / static_cast<double>(results_.size());
  }
  std::vector<std::string> attacks() const {
    std::vector<std::string> names = {"FGSM", "PGD-" + std::to_string(arguments_.steps)};
    if (!arguments_.output.empty()) names.push_back(names[1] + ", 8-bit PNG");
    return names;
  }

  std::string table() const {
    const std::vector<std::string> names = attacks();
    std::string text = counted(results_.size(), "picture") + "; accuracy " + fixed(share(right_before()), 4) +
                       " without an attack\n\n" + padded("epsilon", 12);
    for (const std::string& name : names) text += padded(name, 20);
    text += "\n";
    for (size_t e = 0; e < epsilons_.size(); ++e) {
      text += padded(epsilons_[e].text, 12);
      for (size_t a = 0; a < names.size(); ++a) text += padded(fixed(share(right_after(e, a)), 4), 20);
      text += "\n";
    }
    return text;
  }

  Json estimate(size_t right) const {
    const Range range = wilson_interval(static_cast<double>(right), static_cast<double>(results_.size()));
    return {{"value", share(right)}, {"low", range.low}, {"high", range.high}};
  }

  std::string json() const {
    constexpr const char* kKeys[] = {"fgsm", "pgd", "pgd_png"};
    Json all = {{"n", results_.size()}, {"steps", arguments_.steps}, {"accuracy", estimate(right_before())}};
    for (size_t e = 0; e < epsilons_.size(); ++e) {
      Json one = {{"epsilon", epsilons_[e].value}};
      for (size_t a = 0; a < attacks().size(); ++a) one[kKeys[a]] = estimate(right_after(e, a));
      all["robust_accuracy"].push_back(one);
    }
    return all.dump(2) + "\n";
  }

  void write_page() const {
    const std::vector<std::string> names = attacks();
    SvgPlot plot = {"Accuracy against epsilon", "epsilon x 255", "accuracy", 0, 0, 0, 1, false, {}, {}};
    for (const Epsilon& epsilon : epsilons_)
      plot.x_high = std::max(plot.x_high, static_cast<double>(epsilon.value) * 255);
    for (size_t a = 0; a < names.size(); ++a) {
      SvgCurve curve = {names[a], {{0, share(right_before())}}, true};
      for (size_t e = 0; e < epsilons_.size(); ++e)
        curve.points.push_back({static_cast<double>(epsilons_[e].value) * 255, share(right_after(e, a))});
      std::sort(curve.points.begin(), curve.points.end(),
                [](const SvgPoint& one, const SvgPoint& other) { return one.x < other.x; });
      plot.curves.push_back(std::move(curve));
    }
    const std::string title = std::string(model_.info().name) + " under attack";
    const std::string page = page_head(title) + "<h1>" + html_text(title) + "</h1>\n<div class=\"plots\">\n" +
                             svg_plot(plot) + "</div>\n<pre>" + html_text_lines(table()) +
                             "</pre>\n</body>\n</html>\n";
    write_atomically((fs::path(arguments_.output) / "index.html").string(), {page.begin(), page.end()});
  }

  // Lines stay lines.
  static std::string html_text_lines(const std::string& text) {
    std::string out;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      out += html_text(text.substr(begin, end - begin)) + "\n";
      begin = end + 1;
    }
    return out;
  }

  const Arguments& arguments_;
  const ModelFile& model_;
  std::vector<Prediction> pictures_;
  SampleReader disk_reader_;
  std::vector<Epsilon> epsilons_;
  std::vector<std::string> names_;  // of the PNG of each picture
  std::vector<Result> results_;
};

}  // namespace

Command add_attack(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "attack", "Measure how right a model stays when pixels are changed to mislead it (FGSM, PGD)");
  auto arguments = std::make_shared<Arguments>();
  add_labelled_data(*app, arguments->data, arguments->labels_csv, arguments->map);
  app->add_option("--epsilon", arguments->epsilons, "Largest changes of a pixel in [0, 1]: a comma list")
      ->type_name("E")
      ->delimiter(',')
      ->allow_extra_args(false)  // what follows is DATA
      ->capture_default_str()
      ->check(taken_by(parse_epsilon));
  app->add_option("--steps", arguments->steps, "Steps of PGD, each 2.5 epsilon / steps")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app->add_option("--limit", arguments->limit, "At most so many pictures, evenly spread; 0: all")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000000000));
  app->add_option("--seed", arguments->seed, "Of PGD's random start")
      ->type_name("S")
      ->capture_default_str()
      ->check(CLI::Range(0ll, 4294967295ll));
  app->add_option("-o,--output", arguments->output,
                  "Save the pictures of PGD as 8-bit PNG there, judge them again from disk, and draw a plot")
      ->type_name("DIR");
  app->add_flag("--json", arguments->json, "One JSON object");
  add_resize_flag(*app, arguments->resize);
  add_ignore_orientation_flag(*app, arguments->ignore_orientation);
  add_max_megapixels_flag(*app, arguments->largest_area);
  add_model_flag(*app, arguments->model);
  add_threads_flag(*app, arguments->threads);
  add_target_flag(*app, arguments->target);
  app->footer(
      "Examples: levit attack pictures/            (with pictures/ai/ and pictures/real/)\n"
      "          levit attack pictures/ --epsilon 0.5/255,2/255,8/255 --limit 500 -o attacked");
  return {app, [arguments] {
            const ModelFile model(find_model(arguments->model));
            return Attack(*arguments, model).run();
          }};
}

}  // namespace levit::tools
