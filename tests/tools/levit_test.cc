// The program `levit` as a whole: help, usage errors, weight files, info and bench.
#include "levit.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/support/npy.h"
#include "tests/support/program.h"

namespace fs = std::filesystem;
using namespace levit::tests;
using nlohmann::json;

TEST_CASE("every command has help with an example, and the version is the library's") {
  for (const char* command : {"", "classify ", "info ", "bench "}) {
    CAPTURE(command);
    const Outcome outcome = run("$levit " + std::string(command) + "--help");
    CHECK(outcome.exit == 0);
    CHECK(outcome.out.find("Example") != std::string::npos);
    CHECK(outcome.err.empty());
  }
  CHECK(run("$levit --version").out == "levit " + std::string(levit_version()) + "\n");
}

TEST_CASE("wrong usage of every command is one line on standard error with its cause, and exit code 2") {
  const ScratchDirectory root;
  const std::string model = write_model(root), picture = write_picture(root, "data/class0/p.ppm");
  const struct {
    const char *arguments, *cause;  // p: a picture, data: a data set
  } cases[] = {
      {"clasify", "no command \"clasify\"; did you mean \"classify\"?"},
      {"translate", "no command \"translate\"; levit --help lists them"},
      {"--nothing", "--nothing"},
      {"classify --jsn p", "--jsn"},
      {"classify --json --csv p", "--json"},
      {"classify --threads many p", "--threads"},
      {"classify --resize cubic p", "--resize: cubic not in"},
      {"classify --target AVX512 p", "--target: \"AVX512\" does not run here; there are "},
      {"classify --unsure 0.7..0.3 p", "--unsure: \"0.7..0.3\" is not LOW..HIGH"},
      {"classify --shard 3 p", "--shard: \"3\" is not I/N"},
      {"classify --resume --json p", "--resume needs -o FILE"},
      {"classify --resume -o out p", "--resume needs --json"},
      {"classify --topk 0 p", "--topk"},
      {"explain --method lime p", "--method: no method \"lime\"; there are gradcam, "},
      {"explain --layer x p", "--layer: no layer \"x\"; there are stem, "},
      {"explain --method classmap --layer stem p", "--layer: a class map has one place, stage2"},
      {"explain --method shap --layer stem p",
       "--layer is for class activation maps, and --method names none"},
      {"explain --class x p", "--class: no class \"x\"; there are class0, class1, or a number"},
      {"explain --samples 0 p", "--samples"},
      {"explain --steps 0 p", "--steps"},
      {"explain --target X p", "--target: \"X\" does not run here"},
      {"evaluate", "name the data set, or a file of labels"},
      {"evaluate data --shard 1/2", "--shard needs --predictions FILE"},
      {"evaluate data --resume", "--resume needs --predictions FILE"},
      {"evaluate data --fit-temperature", "--fit-temperature and -o FILE go together"},
      {"evaluate data -o out", "--fit-temperature and -o FILE go together"},
      {"evaluate data --map class0", "--map class0: not FOLDER=LABEL"},
      {"attack", "name the data set, or a file of labels"},
      {"attack data --epsilon abc", "--epsilon: \"abc\" is not in (0, 1]"},
      {"attack data --epsilon 1/255,2", "--epsilon: \"2\" is not in (0, 1]"},
      {"finetune data", "name the weight file to write with -o, or a part of the pictures with --shard"},
      {"finetune -o out", "no data: name a folder"},
      {"finetune data -o out --cache out", "--cache and --output name the same file"},
      {"info a b", "b"},
      {"bench --batch 0", "--batch"},
      {"bench --target Z80", "--target: \"Z80\" does not run here"},
  };
  for (const auto& wrong : cases) {
    const std::string arguments = wrong.arguments, cause = wrong.cause;
    CAPTURE(arguments);
    const Outcome outcome = run("cd " + quoted(root.path()) + " && ln -sf " + quoted(picture) +
                                " p && LEVIT_MODEL=" + quoted(model) + " $levit " + arguments);
    CAPTURE(outcome.err);
    CHECK(outcome.exit == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("levit: ") == 0);
    CHECK(outcome.err.find(cause) != std::string::npos);
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    CHECK(!fs::exists(root.path() / "out"));
  }
  CHECK(run("$levit classify").exit == 2);
  const Outcome bare = run("$levit");
  CHECK(bare.exit == 2);
  CHECK(bare.out.empty());
}

TEST_CASE("an output that is a device, or in no folder, is named before the work") {
  const ScratchDirectory root;
  const std::string model = write_model(root);
  for (const char* name :
       {"data/class0/a.ppm", "data/class0/b.ppm", "data/class1/c.ppm", "data/class1/d.ppm"})
    write_picture(root, name, 20, static_cast<size_t>(name[12]));
  const struct {
    const char *arguments, *line;
  } cases[] = {
      {"classify -o /dev/full data", "/dev/full: not a regular file"},
      {"classify --json --resume -o /dev/full data", "/dev/full: not a regular file"},
      {"evaluate data --predictions /dev/full", "/dev/full: not a regular file"},
      {"evaluate data --predictions /dev/full --resume", "/dev/full: not a regular file"},
      {"evaluate data --report /dev/full", "/dev/full: not a regular file"},
      {"evaluate data --report missing/x", "missing: No such file or directory"},
      {"evaluate data --csv data", "data: is a directory"},
      {"evaluate data --fit-temperature -o missing/x", "missing: No such file or directory"},
      {"finetune data -o x --train head --report missing/x", "missing: No such file or directory"},
      {"finetune data -o /dev/full", "/dev/full: not a regular file"},
      {"finetune data -o /dev/full/x", "/dev/full: Not a directory"},
      {"finetune data -o missing/x", "missing: No such file or directory"},
      {"finetune data -o .", ".: is a directory"},
      {"explain data -o /dev/full", "/dev/full/thumbnails: cannot be made: Not a directory"},
  };
  for (const auto& refused : cases) {
    const std::string arguments = refused.arguments, line = refused.line;
    CAPTURE(arguments);
    const Outcome outcome = run("cd " + quoted(root.path()) + " && LEVIT_MODEL=" + quoted(model) +
                                " timeout 60 $levit " + arguments);
    CHECK(outcome.exit == 1);
    CHECK(outcome.err == "levit: " + line + "\n");
  }
}

TEST_CASE("what cannot be written to standard output is said: help, version, manual, completion") {
  for (const char* words : {"--help", "classify --help", "--version", "--manual", "--completion bash"}) {
    CAPTURE(words);
    const Outcome full = run("$levit " + std::string(words) + " >/dev/full");
    CHECK(full.exit == 1);
    CHECK(full.err == "levit: the results cannot be written: No space left on device\n");
    CHECK(run("$levit " + std::string(words)).out.size() > 10);
  }
}

TEST_CASE("a weight file that cannot be used is named with its cause") {
  const ScratchDirectory root;
  const std::string model = write_model(root), picture = write_picture(root, "p.ppm");
  const fs::path folder = root.path();
  fs::copy_file(model, folder / "version.levit");
  fs::copy_file(model, folder / "damaged.levit");
  fs::copy_file(model, folder / "short.levit");
  const auto patch = [](const fs::path& path, long at, char value) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put(value);
  };
  patch(folder / "version.levit", 8, 99);
  patch(folder / "damaged.levit", static_cast<long>(fs::file_size(model)) / 2, 0x55);
  fs::resize_file(folder / "short.levit", fs::file_size(model) - 64);
  root.write("empty.levit");
  const struct {
    const char* name;
    std::string cause;
  } cases[] = {
      {"missing.levit", "No such file or directory"},
      {"version.levit", levit_status_text(LEVIT_VERSION)},
      {"damaged.levit", levit_status_text(LEVIT_CHECKSUM)},
      {"short.levit", levit_status_text(LEVIT_TRUNCATED)},
      {"empty.levit", levit_status_text(LEVIT_TRUNCATED)},
      {"p.ppm", levit_status_text(LEVIT_MAGIC)},
      {".", "a directory, not a .levit weight file"},
  };
  for (const auto& [name, cause] : cases) {
    CAPTURE(name);
    const std::string path = folder / name;
    const Outcome outcome = run("$levit classify --model " + path + " " + picture);
    CHECK(outcome.exit == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == "levit: " + path + ": " + cause + "\n");
    CHECK(run("$levit info " + path).err == outcome.err);
  }
}

TEST_CASE("the weight file is the flag's, else LEVIT_MODEL's, else the installed one") {
  const ScratchDirectory root;
  const std::string model = write_model(root), picture = write_picture(root, "p.ppm");
  const std::string expected = run("$levit classify --json --model " + model + " " + picture).out;
  CHECK(expected.find("\"label\"") != std::string::npos);
  CHECK(run("LEVIT_MODEL=" + model + " $levit classify --json " + picture).out == expected);
  CHECK(run("LEVIT_MODEL=/nowhere $levit classify --json --model " + model + " " + picture).out == expected);
  CHECK(run("cat " + model + " | $levit classify --json --model /dev/stdin " + picture).out == expected);

  const std::string installed = root.path() / "usr/bin/levit";
  fs::create_directories(root.path() / "usr/bin");
  fs::copy_file(LEVIT_PROGRAM, installed);
  const Outcome none = run(installed + " classify " + picture);
  CHECK(none.exit == 1);
  CHECK(none.err.find("usr/share/levit/ai_vs_real.levit does not exist") != std::string::npos);
  fs::create_directories(root.path() / "usr/share/levit");
  fs::copy_file(model, root.path() / "usr/share/levit/ai_vs_real.levit");
  CHECK(run(installed + " classify --json " + picture).out == expected);
}

TEST_CASE("info says what is in a weight file") {
  const ScratchDirectory root;
  const std::string model = write_model(root, 3);
  const json info = json::parse(run("$levit info --json " + model).out);
  CHECK(info["path"] == model);
  CHECK(info["bytes"] == fs::file_size(model));
  CHECK(info["classes"] == 3);
  CHECK(info["labels"].size() == 3);
  CHECK(info["values"] == "f32");
  CHECK(info["resize"] == "squash");
  CHECK(info["checksum"].get<std::string>().size() == 16);
  CHECK(info["arena_bytes"]["classify"] < info["arena_bytes"]["gradient"]);
  CHECK(info["targets"].at(0) == levit_target_name(0));
  const std::string table = run("$levit info --model " + model).out;
  for (const auto& [key, value] : info.items()) CHECK(table.find(key) != std::string::npos);
}

TEST_CASE("info draws the arena in 100 columns, and its fullest step") {
  const std::string model = data_path("../../weights/ai_vs_real.levit");
  const json info = json::parse(run("$levit info --json " + model).out);
  for (const std::string flags :
       {"", "--features gradient --batch 2 --threads 2", "--features attribution --batch 5"}) {
    CAPTURE(flags);
    const Outcome outcome = run("$levit info --plan " + flags + " " + model);
    CHECK(outcome.exit == 0);
    CHECK(outcome.out.find("fullest at ") != std::string::npos);
    std::istringstream lines(outcome.out);
    size_t longest = 0, buffers = 0;
    for (std::string line; std::getline(lines, line);) {
      longest = std::max(longest, line.size());
      buffers += line.find('#') != std::string::npos ? 1 : 0;
    }
    CHECK(longest <= 100);
    CHECK(buffers > 40);
    if (flags.empty())
      CHECK(outcome.out.find("arena " + info["arena_bytes"]["classify"].dump() + " bytes") == 0);
  }
  CHECK(run("$levit info --plan --batch 0 " + model).exit == 2);
}

TEST_CASE("bench prints what it measured, for every target") {
  const ScratchDirectory root;
  const std::string model = write_model(root);
  for (size_t i = 0; levit_target_name(i) != nullptr; ++i) {
    const std::string target = levit_target_name(i);
    CAPTURE(target);
    const Outcome outcome = run("$levit bench --threads 2 --batch 3 --seconds 0 --layers --json --target " +
                                target + " --model " + model);
    CHECK(outcome.exit == 0);
    const json bench = json::parse(outcome.out);
    CHECK(bench["ms_per_image"] > 0);
    CHECK(bench["threads"] == 2);
    CHECK(bench["batch"] == 3);
    CHECK(bench["target"] == target);
    double multiply_adds = 0;
    for (const json& layer : bench["layers"]) multiply_adds += layer["multiply_adds"].get<double>();
    CHECK(multiply_adds == doctest::Approx(bench["multiply_adds"].get<double>()).epsilon(1e-12));
  }
  CHECK(run("$levit bench --gradient --seconds 0 --model " + model).out.find("forward and input gradient") !=
        std::string::npos);
}
