// Labelled folders and lists, content hashes, splits, random views and the cache of features.
#include "tools/levit/train/data.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/npy.h"
#include "tests/support/scratch_directory.h"
#include "tests/tools/checkpoint_files.h"
#include "tools/levit/dataset/augment.h"
#include "tools/levit/dataset/content_hash.h"
#include "tools/levit/dataset/dataset.h"
#include "tools/levit/dataset/feature_cache.h"
#include "tools/levit/dataset/view.h"
#include "tools/levit/finetune/learning_set.h"

namespace levit::tests {
namespace {

using namespace tools;

std::vector<float> features_of(float first, size_t floats = 8) {
  std::vector<float> features(floats);
  for (size_t i = 0; i < floats; ++i) features[i] = first + static_cast<float>(i);
  return features;
}

// One row per picture, the content as given.
FeatureTable table_of(const std::vector<uint64_t>& contents) {
  FeatureTable table;
  table.width = 1;
  for (const uint64_t content : contents) {
    table.pictures.push_back(
        {content == 0 ? "broken" : "", content, table.values.size(), content == 0 ? 0u : 1u});
    if (content != 0) table.values.push_back(static_cast<float>(content));
  }
  return table;
}

Dataset dataset_of(const std::vector<uint32_t>& labels) {
  Dataset dataset;
  dataset.labels = {"ai", "real"};
  for (const uint32_t label : labels)
    dataset.pictures.push_back({"p" + std::to_string(dataset.pictures.size()), label, ""});
  return dataset;
}

}  // namespace

TEST_CASE("folders are labels, in the order of their names, and several data folders add up") {
  const ScratchDirectory d;
  d.write("a/real/2.jpg");
  d.write("a/real/deep/1.png");
  d.write("a/ai/3.jpg");
  d.write("a/ai/notes.txt");
  d.write("a/.hidden/x.jpg");
  d.write("b/other/4.jpg");
  d.write("b/ai/5.jpg");
  const Dataset dataset = read_dataset({d.path() / "a", d.path() / "b"}, "");
  CHECK(dataset.labels == std::vector<std::string>{"ai", "other", "real"});
  CHECK(dataset.skipped == 1);
  std::vector<std::string> names;
  std::vector<uint32_t> labels;
  for (const LabelledPicture& picture : dataset.pictures) {
    names.push_back(std::filesystem::path(picture.path).filename());
    labels.push_back(picture.label);
  }
  CHECK(names == std::vector<std::string>{"3.jpg", "5.jpg", "4.jpg", "2.jpg", "1.png"});
  CHECK(labels == std::vector<uint32_t>{0, 0, 1, 2, 2});
}

TEST_CASE("what is no labelled folder is refused by name and cause") {
  const ScratchDirectory d;
  d.write("flat/1.jpg");
  d.write("empty/ai/1.jpg");
  d.write("empty/real/notes.txt");
  d.write("parts/train/ai/1.jpg");
  d.write("parts/train/real/1.jpg");
  d.write("parts/test/ai/1.jpg");
  d.write("parts/test/real/1.jpg");
  const auto cause = [&](const std::string& name) {
    return thrown_by([&] { read_dataset({(d.path() / name).string()}, ""); });
  };
  CHECK(names(cause("flat"), "flat: no folders in it"));
  CHECK(names(cause("empty"), "empty/real: no picture in this directory (1 other files)"));
  CHECK(names(cause("parts"), "is no label; name " + (d.path() / "parts" / "test").string()));
  CHECK(names(cause("none"), "none: No such file or directory"));
  d.write("control/a\nb/1.jpg");
  CHECK(names(cause("control"), "a\nb: the name has control characters, so it cannot be a label"));
  d.write("good/ai/1.jpg");
  const std::string good = (d.path() / "good").string();
  CHECK(names(thrown_by([&] { read_dataset({good, good + "/."}, ""); }), "good/.: is named twice"));
  CHECK(names(thrown_by([&] {
                read_training_data({{{good}, 1}, {{good + "/"}, 3}}, "");
              }),
              "is named twice"));
}

TEST_CASE("a CSV of paths and labels is read with its quotes, header and byte order mark") {
  const ScratchDirectory d;
  const std::string file =
      d.write("labels.csv",
              "\xef\xbb\xbfpath,label\r\n\"a, b.jpg\",cat\r\nsub/c.jpg,\"dog \"\"x\"\"\"\n\n/abs.jpg,cat\n");
  const Dataset dataset = read_dataset({}, file);
  CHECK(dataset.labels == std::vector<std::string>{"cat", "dog \"x\""});
  REQUIRE(dataset.pictures.size() == 3);
  CHECK(dataset.pictures[0].path == (d.path() / "a, b.jpg").string());
  CHECK(dataset.pictures[1].path == "/abs.jpg");
  CHECK(dataset.pictures[2].path == (d.path() / "sub/c.jpg").string());
  CHECK(read_dataset({"/else"}, file).pictures[0].path == "/else/a, b.jpg");
  const std::string bad = d.write("bad.csv", "path,label\nx.jpg\n");
  CHECK(names(thrown_by([&] { read_dataset({}, bad); }), "bad.csv, line 2: not path,label"));
  const std::string open = d.write("open.csv", "\"x.jpg,ai\n");
  CHECK(names(thrown_by([&] { read_dataset({}, open); }), "open.csv, line 1: a quote is not closed"));
  CHECK(names(thrown_by([&] { read_dataset({}, d.write("no.csv", "path,label\n")); }),
              "no.csv: names no picture"));
}

TEST_CASE("columns of a CSV are found by their names, whatever divides them, and a repeat names both lines") {
  const ScratchDirectory d;
  const Dataset named =
      read_dataset({}, d.write("named.csv", "id;Label;split;File\n1;cat;train;a, b.jpg\n2;dog;test;c.jpg\n"));
  CHECK(named.labels == std::vector<std::string>{"cat", "dog"});
  CHECK(named.pictures[0].path == (d.path() / "a, b.jpg").string());
  CHECK(read_dataset({}, d.write("tabs.tsv", "a.jpg\tcat\nb.jpg\tdog\n")).labels == named.labels);
  const std::string repeats = d.write("repeats.csv", "path,label\nx.jpg,cat\ny.jpg,dog\n./x.jpg,dog\n");
  CHECK(names(thrown_by([&] { read_dataset({}, repeats); }), "repeats.csv, line 4: "));
  CHECK(names(thrown_by([&] { read_dataset({}, repeats); }), "x.jpg again, as in line 2"));
}

TEST_CASE("classes take the order of a model that has them") {
  const Dataset dataset = with_labels(dataset_of({0, 1, 1}), {"real", "ai"});
  CHECK(dataset.pictures[0].label == 1);
  CHECK(dataset.pictures[2].label == 0);
  CHECK(names(thrown_by([&] { with_labels(dataset_of({0}), {"ai", "photo"}); }), "no class \"real\""));
}

TEST_CASE(
    "contents that differ in any byte or in length have different hashes, and shares are spread evenly") {
  std::vector<uint8_t> bytes(200, 7);
  std::set<uint64_t> hashes = {content_hash(bytes.data(), bytes.size())};
  for (uint8_t& byte : bytes) {
    byte ^= 1;
    hashes.insert(content_hash(bytes.data(), bytes.size()));
    byte ^= 1;
  }
  for (size_t size = 0; size < bytes.size(); ++size) hashes.insert(content_hash(bytes.data(), size));
  CHECK(hashes.size() == 401);
  size_t below = 0;
  for (uint64_t hash = 0; hash < 10000; ++hash) below += is_held_out(hash, 0.2) ? 1 : 0;
  CHECK(below > 1850);
  CHECK(below < 2150);
}

TEST_CASE("features come out of the cache file as they went in") {
  const ScratchDirectory d;
  const std::string path = d.path() / "cache";
  {
    FeatureCache cache(path, 8, 77);
    for (uint64_t i = 0; i < 100; ++i) cache.add({i, i % 3}, features_of(static_cast<float>(i)).data());
    cache.flush();
    cache.add({100, 0}, features_of(100).data());
    CHECK(names(thrown_by([&] { FeatureCache(path, 8, 77); }), "in use by another run"));
  }
  const FeatureCache cache(path, 8, 77);
  CHECK(cache.records() == 101);
  for (uint64_t i = 0; i <= 100; ++i) {
    const float* const found = cache.find({i, i == 100 ? 0 : i % 3});
    REQUIRE(found != nullptr);
    CHECK(std::vector<float>(found, found + 8) == features_of(static_cast<float>(i)));
    CHECK(cache.find({i, 5}) == nullptr);
  }
}

TEST_CASE("a cache cut at any byte keeps its whole records and goes on from there") {
  const ScratchDirectory d;
  const std::string whole = d.path() / "whole", cut = d.path() / "cut";
  {
    FeatureCache cache(whole, 4, 1);
    for (uint64_t i = 0; i < 3; ++i) cache.add({i, 0}, features_of(static_cast<float>(i), 4).data());
  }
  const size_t bytes = std::filesystem::file_size(whole), record = (bytes - 64) / 3;
  for (size_t size = 0; size <= bytes; ++size) {
    std::filesystem::copy_file(whole, cut, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(cut, size);
    {
      FeatureCache cache(cut, 4, 1);
      CHECK(cache.records() == (size < 64 ? 0 : (size - 64) / record));
      for (uint64_t i = 0; i < 3; ++i) cache.add({i, 0}, features_of(static_cast<float>(i), 4).data());
    }
    CHECK(std::filesystem::file_size(cut) == bytes);
    CHECK(FeatureCache(cut, 4, 1).records() == 3);
  }
}

TEST_CASE("a damaged record ends the cache in front of it") {
  const ScratchDirectory d;
  const std::string path = d.path() / "cache";
  {
    FeatureCache cache(path, 4, 1);
    for (uint64_t i = 0; i < 3; ++i) cache.add({i, 0}, features_of(1, 4).data());
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(64 + 40 + 20);
    file.put('x');
  }
  CHECK(FeatureCache(path, 4, 1).records() == 1);
}

TEST_CASE("a cache of another model, of another size, or no cache at all is refused and left as it is") {
  const ScratchDirectory d;
  const std::string path = d.path() / "cache", text = d.write("text", "something precious");
  { FeatureCache cache(path, 4, 1); }
  CHECK(names(thrown_by([&] { FeatureCache(path, 4, 2); }),
              "checksum is 0000000000000001, not 0000000000000002"));
  CHECK(names(thrown_by([&] { FeatureCache(path, 5, 1); }), "features of another model: 4 numbers, not 5"));
  CHECK(names(thrown_by([&] { FeatureCache(text, 4, 1); }), "text: not a feature cache"));
  CHECK(std::filesystem::file_size(text) == 18);
  CHECK(names(thrown_by([&] { FeatureCache("/nowhere/at/all", 4, 1); }), "No such file or directory"));
}

TEST_CASE(
    "a picture and its duplicate are held out together or not at all, and unreadable ones are counted") {
  std::vector<uint64_t> contents;
  std::vector<uint32_t> labels;
  for (uint64_t i = 0; i < 400; ++i) {
    contents.push_back(i % 200 == 7 ? 0 : 1 + i % 200);
    labels.push_back(i % 200 < 100 ? 0 : 1);
  }
  const FeatureTable table = table_of(contents);
  const LearningSet set = make_learning_set(dataset_of(labels), table, 0.3);
  CHECK(set.unreadable == 2);
  CHECK(set.in_two_classes == 0);
  CHECK(set.training.count() + set.held_out.count() == 398);
  CHECK(set.held_out.count() > 60);
  std::set<float> training, held_out;
  for (const float* row : set.training.rows) training.insert(*row);
  for (const float* row : set.held_out.rows) held_out.insert(*row);
  for (const float value : held_out) CHECK(training.count(value) == 0);
}

TEST_CASE("classes that cannot teach anything are refused by name") {
  const auto cause = [](const std::vector<uint64_t>& contents, const std::vector<uint32_t>& labels,
                        double val = 0) {
    return thrown_by([&] { make_learning_set(dataset_of(labels), table_of(contents), val); });
  };
  CHECK(cause({1, 2, 3, 4}, {0, 0, 1, 1}) == "");
  CHECK(cause({1, 2, 3, 3}, {0, 0, 1, 1}) == "class \"real\": all 2 pictures are the same file, as p2");
  CHECK(cause({1, 2, 0, 0}, {0, 0, 1, 1}) == "class \"real\": none of its pictures can be read");
  CHECK(names(cause({1, 2, 3, 4}, {0, 0, 1, 1}, 1.0), "class \"ai\": all of its pictures (2) are held out"));
  const LearningSet both = make_learning_set(dataset_of({0, 0, 1, 1}), table_of({1, 2, 2, 3}), 0);
  CHECK(both.in_two_classes == 1);
}

TEST_CASE("of random views a third are the plain picture, half of those mirrored") {
  std::string file = "P6 224 224 255\n";
  for (int i = 0; i < 224 * 224 * 3; ++i) file += static_cast<char>(i / 3 % 224);
  const Picture picture = decode_picture(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  std::vector<uint8_t> scratch, plain(224 * 224 * 3), view(plain.size());
  make_view(nullptr, picture, 1, {}, 0, &scratch, plain.data());
  std::vector<uint8_t> mirrored = plain;
  flip(&mirrored);
  int plain_views = 0, mirrored_views = 0;
  for (uint32_t number = 1; number <= 300; ++number) {
    make_view(nullptr, picture, 1, {}, number, &scratch, view.data());
    plain_views += view == plain;
    mirrored_views += view == mirrored;
  }
  // Three standard deviations of 300 draws.
  CHECK(plain_views + mirrored_views >= 75);
  CHECK(plain_views + mirrored_views <= 125);
  CHECK(plain_views >= 30);
  CHECK(mirrored_views >= 30);
}

}  // namespace levit::tests
