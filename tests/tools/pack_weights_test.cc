// The program pack_weights as its user runs it.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/support/scratch_directory.h"
#include "tests/support/seeded.h"
#include "tests/tools/checkpoint_files.h"
#include "tests/tools/checkpoint_writer.h"
#include "tools/checkpoint/configuration.h"

namespace levit::tests {
namespace {

struct Run {
  int exit_code;
  std::string out, err;
};

// `before` is shell code in front of the program.
Run run(const ScratchDirectory& scratch, const std::string& arguments, const std::string& before = "") {
  const std::string out = scratch.path() / "stdout", err = scratch.path() / "stderr";
  const std::string command = before + LEVIT_PACK_WEIGHTS " " + arguments + " >" + out + " 2>" + err;
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, file_bytes(out), file_bytes(err)};
}

bool one_line(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n') == 1 && text.back() == '\n';
}

// Names in a directory that are neither of the two streams.
std::vector<std::string> files_in(const ScratchDirectory& scratch) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
    const std::string name = entry.path().filename();
    if (name != "stdout" && name != "stderr") found.push_back(name);
  }
  return found;
}

const std::string kInput = checkpoint_path("tiny/lightning.ckpt");

}  // namespace

TEST_CASE("pack_weights writes what it was told, and reports it") {
  const ScratchDirectory scratch;
  const std::string output = scratch.path() / "a.levit";
  const Run result =
      run(scratch,
          kInput + " -o " + output +
              " --labels cat,dog,eel --name pets --note 'three animals' --resize timm --temperature 1.5");
  CHECK(result.exit_code == 0);
  CHECK(result.err == "");
  CHECK(names(result.out, "PyTorch zip file, names of timm, below state_dict.model., "));
  CHECK(names(result.out, "criterion.weight"));
  CHECK(names(result.out, "3: cat, dog, eel"));
  CHECK(names(result.out, "largest rounding error"));
  CHECK(names(result.out, "0 values out of range"));
  const std::string bytes = file_bytes(output);
  CHECK(names(result.out, "fp16, " + std::to_string(bytes.size()) + " bytes"));
  const OpenModel model(std::vector<uint8_t>(bytes.begin(), bytes.end()));
  CHECK(model.info().name == std::string("pets"));
  CHECK(model.info().note == std::string("three animals"));
  CHECK(model.info().resize == LEVIT_RESIZE_TIMM);
  CHECK(model.info().temperature == 1.5f);
  CHECK(model.info().dtype == LEVIT_F16);
  CHECK(levit_label(model, 2) == std::string("eel"));
}

TEST_CASE("--dtype q8 packs 8-bit integers, which the report and the file name") {
  const ScratchDirectory scratch;
  const std::string output = scratch.path() / "a.levit", half = scratch.path() / "half.levit";
  const Run result = run(scratch, kInput + " -o " + output + " --dtype q8");
  CHECK(result.err == "");
  CHECK(result.exit_code == 0);
  CHECK(names(result.out, "layers, the others fp16; largest error of a layer's weights 0."));
  const std::string bytes = file_bytes(output);
  CHECK(names(result.out, "int8, " + std::to_string(bytes.size()) + " bytes"));
  const OpenModel model(std::vector<uint8_t>(bytes.begin(), bytes.end()));
  CHECK(model.info().dtype == LEVIT_Q8);
  CHECK(run(scratch, kInput + " -o " + half).exit_code == 0);
  CHECK(bytes.size() < 0.9 * static_cast<double>(file_bytes(half).size()));
}

TEST_CASE("a .levit file is packed again in another type, with everything it says") {
  const ScratchDirectory scratch;
  const std::string full = scratch.path() / "full.levit", half = scratch.path() / "half.levit",
                    again = scratch.path() / "again.levit", direct = scratch.path() / "direct.levit";
  const std::string words =
      " --labels cat,dog,eel --name pets --note animals --temperature 1.5 --resize timm";
  REQUIRE(run(scratch, kInput + " -o " + full + words + " --dtype f32").exit_code == 0);
  REQUIRE(run(scratch, kInput + " -o " + half + words).exit_code == 0);
  const Run result = run(scratch, full + " -o " + again);
  CHECK(result.err == "");
  CHECK(result.exit_code == 0);
  CHECK(names(result.out, "source      .levit, pets"));
  // Through fp32 a weight is rounded twice, and two of this file's end one unit beside those that are rounded
  // once.
  CHECK(file_bytes(again).size() == file_bytes(half).size());
  REQUIRE(run(scratch, half + " -o " + again).exit_code == 0);
  CHECK(file_bytes(again) == file_bytes(half));
  REQUIRE(run(scratch, half + " -o " + again + " --dtype fp32 --labels a,b,c --note other").exit_code == 0);
  const std::string bytes = file_bytes(again);
  const OpenModel model(std::vector<uint8_t>(bytes.begin(), bytes.end()));
  CHECK(model.info().dtype == LEVIT_F32);
  CHECK(model.info().note == std::string("other"));
  CHECK(levit_label(model, 2) == std::string("c"));
  REQUIRE(run(scratch, kInput + " -o " + direct + words + " --dtype q8").exit_code == 0);
  const Run repeated = run(scratch, direct + " -o " + again + " --dtype q8");
  REQUIRE(repeated.exit_code == 0);
  CHECK(file_bytes(again) == file_bytes(direct));
  CHECK(names(repeated.out, "largest error of a layer's weights 0 %\n"));
  CHECK(names(repeated.out, "again.levit, int8, "));
}

TEST_CASE("of a .levit file that is packed again preprocessing stays, and a damaged one is named") {
  const ScratchDirectory scratch;
  const std::string whole = scratch.path() / "whole.levit", out = scratch.path() / "out.levit";
  REQUIRE(run(scratch, kInput + " -o " + whole).exit_code == 0);
  Run result = run(scratch, whole + " -o " + out + " --mean 0.5");
  CHECK(result.exit_code == 1);
  CHECK(names(result.err, "of a .levit file, --dtype, --labels"));
  std::string bytes = file_bytes(whole);
  bytes[bytes.size() - 100] = static_cast<char>(bytes[bytes.size() - 100] ^ 1);
  result = run(scratch, scratch.write("damaged.levit", bytes) + " -o " + out);
  CHECK(result.exit_code == 1);
  CHECK(names(result.err, "damaged.levit: the weight file is damaged: its checksum does not fit"));
}

TEST_CASE("C source of a model has every byte of the file, from a checkpoint and from a .levit file") {
  const ScratchDirectory scratch;
  const std::string folder = scratch.path().string() + "/", output = folder + "a.levit";
  const Run both = run(scratch, kInput + " -o " + output + " --emit-c " + folder + "a.c");
  REQUIRE(both.exit_code == 0);
  CHECK(names(both.out, "a.levit and " + folder + "a.c, fp16, "));
  REQUIRE(run(scratch, kInput + " --emit-c " + folder + "alone.c").exit_code == 0);
  REQUIRE(run(scratch, output + " --emit-c " + folder + "packed.c").exit_code == 0);
  const std::string source = file_bytes(folder + "a.c"), image = file_bytes(output);
  CHECK(source == file_bytes(folder + "alone.c"));
  CHECK(source == file_bytes(folder + "packed.c"));
  CHECK(names(source, "levit_weights_bytes = " + std::to_string(image.size()) + ";"));
  std::string words;
  for (size_t at = source.find('{', source.find("levit_weights[", source.find("levit_weights_bytes =")));
       (at = source.find("0x", at)) != std::string::npos; ++at) {
    uint64_t word = std::strtoull(source.c_str() + at, nullptr, 16);
    for (int i = 0; i < 8; ++i, word >>= 8) words += static_cast<char>(word & 255);
  }
  CHECK(words.substr(0, image.size()) == image);
  CHECK(words.size() < image.size() + 8);

  const auto refused = [&](const std::string& arguments, const std::string& cause) {
    const Run result = run(scratch, arguments);
    CAPTURE(result.err);
    CHECK(result.exit_code == 1);
    CHECK(one_line(result.err));
    CHECK(names(result.err, cause));
  };
  refused(output + " --emit-c " + output, "the output would overwrite it");
  const Run same = run(scratch, kInput + " -o " + folder + "one --emit-c " + folder + "./one");
  CHECK(same.exit_code == 2);
  CHECK(names(same.err, "--output and --emit-c name the same file"));
  CHECK(!std::filesystem::exists(folder + "one"));
  CHECK(file_bytes(output) == image);
  std::filesystem::resize_file(output, image.size() - 1);
  refused(output + " --emit-c " + folder + "b.c", output + ": ");
}

TEST_CASE("labels come from a file, and preprocessing from the command line") {
  const ScratchDirectory scratch;
  const std::string output = scratch.path() / "a.levit";
  const std::string labels = scratch.write(
      "config.json", R"({"id2label": {"0": "crane", "1": "crane", "2": "tench, Tinca tinca"}})");
  const Run result =
      run(scratch, kInput + " -o " + output + " --labels-file " + labels + " --mean 0.5 --std 0.5,0.25,0.5");
  CHECK(result.err == "");
  CHECK(result.exit_code == 0);
  CHECK(names(result.out, "squash, to 224x224, bilinear (the default; --resize if training had another)"));
  CHECK(names(result.out, "mean 0.5,0.5,0.5 (as told), std 0.5,0.25,0.5 (as told)"));
  const std::string bytes = file_bytes(output);
  const OpenModel model(std::vector<uint8_t>(bytes.begin(), bytes.end()));
  CHECK(model.info().mean[2] == 0.5F);
  CHECK(model.info().std[1] == 0.25F);
  CHECK(levit_label(model, 1) == std::string("crane"));
  CHECK(levit_label(model, 2) == std::string("tench, Tinca tinca"));
}

TEST_CASE("a published model of 1000 classes gets the evaluation of its family, and any other is squashed") {
  const ScratchDirectory scratch;
  tools::Configuration configuration;
  configuration.config = {1000, 224, {128, 256, 384}, {4, 6, 8}, {2, 3, 4}, 16, 2, 4, 2};
  NamedValues values;
  const auto add = [&values](const std::string& name, std::vector<uint64_t> shape) {
    uint64_t count = 1;
    for (const uint64_t size : shape) count *= size;
    values[name] = {std::move(shape), std::vector<float>(count), {}};
  };
  for (const tools::Expected& tensor : tools::body_needs(configuration)) add(tensor.name, tensor.shape);
  const std::string output = scratch.path() / "a.levit";
  const auto packed = [&](uint64_t classes, const std::string& more) {
    add("head.weight", {classes, 384});
    const std::string input = scratch.write("in.safetensors", safetensors_of(values));
    return run(scratch, input + " -o " + output + more).out;
  };
  CHECK(names(packed(1000, ""),
              "timm, shorter side to 248, bicubic, centre 224 (as timm evaluates the published"));
  CHECK(names(packed(1000, " --resize squash"), "squash, to 224x224, bilinear (as told)"));
  CHECK(names(packed(2, ""), "squash, to 224x224, bilinear (the default"));
}

TEST_CASE("a shard of a checkpoint is called one") {
  const ScratchDirectory scratch;
  const std::string input =
      scratch.write("model-00001-of-00003.safetensors", checkpoint_bytes("hostile/few_tensors.safetensors"));
  const Run result = run(scratch, input + " -o " + std::string(scratch.path() / "a.levit"));
  CHECK(result.exit_code == 1);
  CHECK(one_line(result.err));
  CHECK(names(result.err, "shard 1 of 3 of a checkpoint, which holds a part of it"));
}

TEST_CASE("every hostile file ends pack_weights with exit 1, one line and no file") {
  const ScratchDirectory scratch;
  const std::string output = scratch.path() / "a.levit";
  for (const auto& entry : std::filesystem::directory_iterator(checkpoint_path("hostile"))) {
    const std::string path = entry.path();
    CAPTURE(path);
    const Run result = run(scratch, path + " -o " + output);
    CHECK(result.exit_code == 1);
    CHECK(result.out == "");
    CHECK(one_line(result.err));
    CHECK(names(result.err, "pack_weights: " + path + ": "));
    CHECK(files_in(scratch).empty());
  }
}

TEST_CASE("a file size limit, as a full disk, leaves the old file and no other") {
  const ScratchDirectory scratch;
  const std::string output = scratch.write("a.levit", "old");
  const Run result = run(scratch, kInput + " -o " + output, "ulimit -f 20; ");
  CHECK(result.exit_code == 1);
  CHECK(one_line(result.err));
  CHECK(names(result.err, output + ": "));
  CHECK(names(result.err, "; nothing of it is left"));
  CHECK(file_bytes(output) == "old");
  CHECK(files_in(scratch) == std::vector<std::string>{"a.levit"});
}

TEST_CASE("the input is never written over, under whatever name") {
  const ScratchDirectory scratch;
  const std::string content = file_bytes(kInput), input = scratch.write("in.ckpt", content);
  std::filesystem::create_symlink(input, scratch.path() / "link");
  for (const std::string& output :
       {input, std::string(scratch.path() / "link"), std::string(scratch.path() / "." / "in.ckpt")}) {
    const Run result = run(scratch, input + " -o " + output);
    CHECK(result.exit_code == 1);
    CHECK(names(result.err, "the output would overwrite it"));
    CHECK(file_bytes(input) == content);
  }
}

TEST_CASE("through a link the file it leads to is replaced, with its permissions") {
  const ScratchDirectory scratch;
  const std::string target = scratch.write("target", "old"), link = scratch.path() / "link";
  std::filesystem::permissions(target, std::filesystem::perms(0640));
  std::filesystem::create_symlink(target, link);
  CHECK(run(scratch, kInput + " -o " + link).exit_code == 0);
  CHECK(std::filesystem::is_symlink(link));
  CHECK(file_bytes(target).size() > 70000);
  CHECK(std::filesystem::status(target).permissions() == std::filesystem::perms(0640));
}

TEST_CASE("wrong usage and unusable paths are told in one line") {
  const ScratchDirectory scratch;
  const std::string output = " -o " + std::string(scratch.path() / "a.levit");
  const auto refused = [&](const std::string& arguments, int exit_code, const std::string& cause) {
    CAPTURE(arguments);
    const Run result = run(scratch, arguments);
    CAPTURE(result.err);
    CHECK(result.exit_code == exit_code);
    CHECK(one_line(result.err));
    CHECK(names(result.err, cause));
    CHECK(files_in(scratch).empty());
  };
  refused("", 2, "pack_weights --help");
  refused(kInput, 2, "--output or --emit-c is required");
  refused(kInput + output + " --dtype f8", 2, "f8 not in {f16,f32,q8}");
  refused(kInput + output + " --resize crop", 2, "crop not in {squash,timm,hf}");
  refused(kInput + output + " --temperature nan", 2, "nan is not a number from 0.001 to 1000");
  refused(kInput + output + " --labels ai,real", 1, "it has 3 classes, --labels names 2");
  refused(kInput + output + " --labels-file /nonexistent", 1, "labels of /nonexistent: ");
  refused(kInput + output + " --mean 123.7,116.3,103.5", 2, "of pictures in [0, 1]; divide by 255");
  refused(kInput + output + " --std 0.5,0.5", 2, "neither one number nor three with commas between");
  refused(kInput + output + " --mean 1,2", 2, "--mean: 1,2 is neither");
  refused(kInput + output + " --mean nan", 2, "--mean: nan is too small or no number");
  refused(kInput + output + " --std 0", 2, "--std: 0 is too small");
  refused(kInput + output + " --key nowhere", 1, "no LeViT lies at 'nowhere' (--key)");
  refused(kInput + output + " --head nowhere", 1, "it has no module 'nowhere' (--head)");
  refused("/nonexistent" + output, 1, "/nonexistent: No such file or directory");
  refused("/" + output, 1, "/: Is a directory");
  refused(kInput + " -o /nonexistent/a.levit", 1, "/nonexistent/a.levit: No such file or directory");
  refused(kInput + " -o /dev/full", 1, "/dev/full: not a regular file");
}

TEST_CASE("help has an example, and the version is the library's") {
  const ScratchDirectory scratch;
  const Run help = run(scratch, "--help");
  CHECK(help.exit_code == 0);
  CHECK(names(help.out, "pack_weights model_best.pth.tar -o cats.levit --labels cat,dog"));
  CHECK(run(scratch, "--version").out == "pack_weights " + std::string(levit_version()) + "\n");
}

}  // namespace levit::tests
