// The flags of `levit finetune`.
#include "tools/levit/finetune/arguments.h"

#include <CLI/CLI.hpp>

#include "tools/common/shard.h"
#include "tools/common/text.h"
#include "tools/levit/attack/attacker.h"
#include "tools/levit/commands.h"

namespace levit::tools {
namespace {

void add_training_flags(CLI::App& app, FinetuneArguments& arguments) {
  FitOptions& fit = arguments.fit;
  app.add_option("--head", arguments.head,
                 "linear, or conv: 1x1 convolution and average pooling, which is the same map")
      ->type_name("KIND")
      ->capture_default_str()
      ->check(CLI::IsMember({"linear", "conv"}));
  app.add_option("--solver", arguments.solver,
                 "adamw, sgd (with momentum), or lbfgs: to the optimum of L2-regularised logistic regression")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(CLI::IsMember({"adamw", "sgd", "lbfgs"}));
  app.add_option("--scaling", arguments.scaling,
                 "How adamw and sgd see features: columns (each divided by its deviation), whitened (along "
                 "principal directions), or best: both, and the one with the smaller held-out loss is kept "
                 "(columns with --adversarial)")
      ->type_name("KIND")
      ->capture_default_str()
      ->check(CLI::IsMember({"best", "columns", "whitened"}));
  app.add_option("--val", arguments.held_out, "Share of the pictures that is held out, by hash of content")
      ->type_name("SHARE")
      ->capture_default_str()
      ->check(number_between(0.0, 0.9));
  app.add_option("--epochs", fit.epochs, "Rounds through the training pictures")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option("--patience", fit.patience, "Stop after so many epochs without a better held-out loss")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option("--rows", fit.batch, "Feature rows of one step")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  app.add_option("--rate", fit.rate,
                 "Learning rate; else 0.001 for adamw, 0.01 for sgd; falls along a half cosine")
      ->type_name("R")
      ->check(number_above_zero());
  app.add_option("--warmup", fit.warmup, "Epochs in which the rate rises")
      ->type_name("N")
      ->capture_default_str()
      ->check(number_from_zero());
  app.add_option("--momentum", fit.momentum, "Momentum; adamw: of the first moment")
      ->type_name("M")
      ->capture_default_str()
      ->check(number_between(0.0, 0.9999));
  app.add_option("--weight-decay", fit.weight_decay, "Weight decay; else 0.05 for adamw, 0.0001 for sgd")
      ->type_name("D")
      ->check(number_from_zero());
  app.add_option("--label-smoothing", fit.label_smoothing, "Share of every target that all classes share")
      ->type_name("E")
      ->capture_default_str()
      ->check(number_between(0.0, 0.99));
  app.add_option("--class-weights", arguments.class_weights,
                 "none, or balanced: every class counts as much as the others")
      ->type_name("KIND")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "balanced"}));
  app.add_option("--inverse-penalty", fit.inverse_penalty, "lbfgs: C of scikit-learn's LogisticRegression")
      ->type_name("C")
      ->capture_default_str()
      ->check(number_above_zero());
  app.add_option("--seed", fit.seed, "Seed of the order of pictures and of augmented views")
      ->type_name("S")
      ->capture_default_str()
      ->check(CLI::Range(0ll, 4294967295ll));
}

void add_adversarial_flags(CLI::App& app, FinetuneArguments& arguments) {
  CLI::Option* adversarial = app.add_flag(
      "--adversarial", arguments.adversarial,
      "Learn from pictures too that PGD changed to mislead the head; says what that gains and costs");
  app.add_option("--epsilon", arguments.epsilon, "Largest change of a pixel in [0, 1], for --adversarial")
      ->type_name("E")
      ->capture_default_str()
      ->needs(adversarial)
      ->check(taken_by(parse_epsilon));
  app.add_option("--attack-steps", arguments.attack_steps, "Steps of PGD, for --adversarial")
      ->type_name("N")
      ->capture_default_str()
      ->needs(adversarial)
      ->check(CLI::Range(1, 1000));
  app.add_option("--rounds", arguments.rounds,
                 "How often the pictures are changed against the head so far, for --adversarial")
      ->type_name("N")
      ->capture_default_str()
      ->needs(adversarial)
      ->check(CLI::Range(1, 1000));
}

}  // namespace

void add_finetune_flags(CLI::App& app, FinetuneArguments& arguments) {
  app.add_option("data", arguments.data, "Folders that have a folder for each label, as in ai/ and real/")
      ->type_name("DATA");
  app.add_option("--labels-csv", arguments.labels_csv,
                 "CSV with columns path and label instead of folders that are labels")
      ->type_name("FILE");
  app.add_option("-o,--output", arguments.output, "Weight file to write")->type_name("FILE");
  CLI::Option* cache =
      app.add_option("--cache", arguments.cache, "File of features; else OUTPUT.features")->type_name("FILE");
  app.add_option("--shard", arguments.shard,
                 "Only compute the features of part I of N of the pictures, into the file of --cache")
      ->type_name("I/N")
      ->needs(cache)
      ->check(taken_by(parse_shard));
  app.add_option("--merge", arguments.merged, "Take features from files of --cache that shards have written")
      ->type_name("FILE...");
  app.add_flag("--no-cache", arguments.no_cache, "Keep no features for the next run")->excludes(cache);
  app.add_option("--name", arguments.name,
                 "Name of the model; else the base's and what it was taught to tell apart")
      ->type_name("TEXT")
      ->check(taken_by([](const std::string& name) {
        if (visible(name) != name)
          throw std::runtime_error("not one line of UTF-8 without control characters");
      }));
  app.add_flag("--familiarity", arguments.familiarity,
               "Also keep how the training pictures are spread: classify then says how far a picture is from "
               "them");
  CLI::Option* only = app.add_flag("--familiarity-only", arguments.familiarity_only,
                                   "Keep the base's head and add only that; DATA is what it was trained on");
  add_adversarial_flags(app, arguments);
  app.get_option("--adversarial")->excludes(only);
  add_training_flags(app, arguments);
  app.add_option(
         "--views", arguments.views,
         "Augmented views of each training picture instead of the picture: random crop, flip, colours, JPEG, "
         "scaling, blur, noise")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000));
  app.add_flag(
      "--equalise", arguments.equalise,
      "Send every picture through one size and one JPEG quality first, so that neither gives a class away");
  add_ignore_orientation_flag(app, arguments.ignore_orientation);
  add_max_megapixels_flag(app, arguments.largest_area);
  add_model_flag(app, arguments.model);
  add_threads_flag(app, arguments.threads);
  add_batch_flag(app, arguments.batch);
  add_target_flag(app, arguments.target);
  app.add_flag("--json", arguments.json, "The report as one JSON object");
  add_train_flags(app, arguments.train);
  app.footer(
      "Without --train the backbone stays as it is. A run that was stopped goes on where its features end.\n"
      "Examples: levit finetune pictures/ -o mine.levit\n"
      "          levit finetune pictures/ -o mine.levit --solver lbfgs --val 0.1\n"
      "          levit finetune pictures/ --shard 2/4 --cache part2.features\n"
      "          levit finetune pictures/ -o mine.levit --merge part*.features\n"
      "          levit finetune pictures/ -o mine.levit --train all --views 1 --resume");
}

}  // namespace levit::tools
