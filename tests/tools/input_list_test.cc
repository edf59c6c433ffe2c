#include "tools/common/input_list.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/scratch_directory.h"

namespace fs = std::filesystem;
using levit::tests::ScratchDirectory;
using levit::tools::InputList;
using levit::tools::list_inputs;

namespace {

// The paths below `root`, in order.
std::vector<std::string> paths(const InputList& list, const fs::path& root) {
  std::vector<std::string> names;
  for (const auto& input : list.inputs) names.push_back(fs::path(input.path).lexically_proximate(root));
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a directory gives its pictures, then those of its directories, sorted") {
  const ScratchDirectory root;
  for (const char* name : {"b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", "z/c.jpeg", "m/d.jpg", ".git/e.jpg"})
    root.write(name);
  const InputList list = list_inputs({root.path()}, false);
  CHECK(paths(list, root.path()) == Names{"a.PNG", "b.jpg", "m/d.jpg", "z/c.jpeg"});
  CHECK(list.skipped == 2);
  for (const auto& input : list.inputs) CHECK(input.error.empty());
}

TEST_CASE("a directory of results is passed over within another one, and taken when it is named") {
  const ScratchDirectory root;
  for (const char* name : {"a.jpg", "explained/sheet.png", "explained/inner/b.jpg", "other/c.jpg"})
    root.write(name);
  const std::string results = root.path() / "explained";
  CHECK(paths(list_inputs({root.path()}, false, results), root.path()) == Names{"a.jpg", "other/c.jpg"});
  CHECK(paths(list_inputs({results}, false, results), root.path()) ==
        Names{"explained/sheet.png", "explained/inner/b.jpg"});
  CHECK(list_inputs({root.path()}, false, root.path() / "missing").inputs.size() == 4);
}

TEST_CASE("a path that is reached twice is taken once, where it came first") {
  const ScratchDirectory root;
  root.write("a.jpg");
  root.write("b.jpg");
  const std::string b = root.path() / "b.jpg";
  const InputList list = list_inputs({b, root.path(), root.path() / "." / "b.jpg"}, false);
  CHECK(paths(list, root.path()) == Names{"b.jpg", "a.jpg"});
  CHECK(list.repeated == 2);
}

TEST_CASE("a loop of links ends, and links to files are paths of their own") {
  const ScratchDirectory root;
  root.write("a.jpg");
  fs::create_directory(root.path() / "inner");
  fs::create_directory_symlink(root.path(), root.path() / "inner" / "up");
  fs::create_symlink("a.jpg", root.path() / "link.jpg");
  fs::create_symlink("circle.jpg", root.path() / "circle.jpg");
  const InputList list = list_inputs({root.path()}, false);
  CHECK(paths(list, root.path()) == Names{"a.jpg", "circle.jpg", "link.jpg"});
}

TEST_CASE("what cannot be listed stays in the list with its cause") {
  const ScratchDirectory root;
  fs::create_directory(root.path() / "empty");
  root.write("texts/a.txt");
  const InputList list = list_inputs({root.path() / "missing.jpg", root.path() / "empty",
                                      root.path() / "texts", "@" + (root.path() / "no list").string()},
                                     false);
  REQUIRE(list.inputs.size() == 4);
  CHECK(list.inputs[0].error == "No such file or directory");
  CHECK(list.inputs[1].error == "no picture in this directory");
  CHECK(list.inputs[2].error == "no picture in this directory (1 other files)");
  CHECK(list.inputs[3].error == "No such file or directory");
}

TEST_CASE("lists hold one path per line, or per zero byte") {
  const ScratchDirectory root;
  root.write("a.jpg");
  root.write("two\nlines.jpg");
  const std::string a = root.path() / "a.jpg", two = root.path() / "two\nlines.jpg";
  root.write("lines", a + "\r\n\n" + a + "\n");
  root.write("zeros", two + '\0' + a + '\0');
  root.write("nothing", "\n\n");
  CHECK(paths(list_inputs({"@" + (root.path() / "lines").string()}, false), root.path()) == Names{"a.jpg"});
  CHECK(paths(list_inputs({"@" + (root.path() / "zeros").string()}, true), root.path()) ==
        Names{"two\nlines.jpg", "a.jpg"});
  CHECK(list_inputs({"@" + (root.path() / "nothing").string()}, false).inputs.at(0).error ==
        "names no picture");
}

TEST_CASE("pictures and tensors are known by their names") {
  using namespace levit::tools;
  for (const char* name : {"a.jpg", "A.JPEG", "x/y.Png", "a.webp"}) CHECK(is_picture_name(name));
  for (const char* name : {"jpg", "a.txt", "a.jpg.part", ".jpg", "a.npy"}) CHECK_FALSE(is_picture_name(name));
  CHECK(is_npy_name("x.NPY"));
  CHECK_FALSE(is_npy_name("x.npz"));
}
