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

TEST_CASE("every command has help with an example; the version is the library's") {
  for (const char* command : {"", "classify ", "info ", "bench "}) {
    CAPTURE(command);
    const Outcome outcome = run("$levit " + std::string(command) + "--help");
    CHECK(outcome.exit == 0);
    CHECK(outcome.out.find("Example") != std::string::npos);
    CHECK(outcome.err.empty());
  }
  CHECK(run("$levit --version").out == "levit " + std::string(levit_version()) + "\n");
}

TEST_CASE("wrong usage is one line on standard error and exit code 2") {
  CHECK(run("$levit clasify x.jpg").err == "levit: no command \"clasify\"; did you mean \"classify\"?\n");
  CHECK(run("$levit translate").err == "levit: no command \"translate\"; levit --help lists them\n");
  for (const char* arguments :
       {"clasify", "classify", "classify --jsn x", "classify --json --csv x", "classify --threads many x",
        "classify --resize cubic x", "bench --batch 0", "info a b", "--nothing"}) {
    CAPTURE(arguments);
    const Outcome outcome = run("$levit " + std::string(arguments));
    CHECK(outcome.exit == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("levit: ") == 0);
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
  }
  const Outcome bare = run("$levit");
  CHECK(bare.exit == 2);
  CHECK(bare.out.empty());
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
  const Outcome unknown = run("$levit bench --target Z80 --model " + model);
  CHECK(unknown.exit == 1);
  CHECK(unknown.err == "levit: " + std::string(levit_status_text(LEVIT_TARGET)) + "\n");
}
