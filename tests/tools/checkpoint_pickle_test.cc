// The unpickler: what protocols 2 to 5 can say, and that nothing is ever imported or called.
#include <doctest/doctest.h>

#include "tests/tools/checkpoint_files.h"
#include "tools/checkpoint/pickle.h"

namespace levit::tests {
namespace {

using namespace std::string_literals;
using tools::Pickle;
using tools::PickleKind;

const tools::PickleValue& root(const Pickle& pickle) {
  return pickle.at(pickle.root);
}

int64_t integer(const std::string& body) {
  const std::string bytes = "\x80\x02" + body + ".";
  const Pickle pickle = tools::read_pickle(bytes);
  REQUIRE(root(pickle).kind == PickleKind::kInt);
  return root(pickle).number;
}

std::string refusal(const std::string& bytes) {
  return thrown_by([&] { tools::read_pickle(bytes); });
}

}  // namespace

TEST_CASE("integers of every width keep their value") {
  CHECK(integer("K\xff") == 255);
  CHECK(integer("M\x01\x02") == 0x201);
  CHECK(integer("J\xff\xff\xff\xff") == -1);
  CHECK(integer("\x8a\x00"s) == 0);
  CHECK(integer("\x8a\x01\xff") == -1);
  CHECK(integer("\x8a\x02\xff\x00"s) == 255);
  CHECK(integer("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f") == INT64_MAX);
  CHECK(integer("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"s) == INT64_MIN);
  CHECK(integer("\x8a\x09\x00\x00\x00\x00\x00\x01\x00\x00\x00"s) == int64_t{1} << 40);
  CHECK(integer("\x8b\x02\x00\x00\x00\x00\x80"s) == -32768);
}

TEST_CASE("an integer beyond 64 bits keeps its bytes") {
  const std::string bytes = "\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00."s;  // 2^63
  const Pickle pickle = tools::read_pickle(bytes);
  CHECK(root(pickle).kind == PickleKind::kBigInt);
  CHECK(root(pickle).text.size() == 9);
}

TEST_CASE("floats are big-endian") {
  const std::string bytes = "\x80\x02G\xbf\xf8\x00\x00\x00\x00\x00\x00."s;
  CHECK(root(tools::read_pickle(bytes)).real == -1.5);
}

TEST_CASE("of two equal keys the last one counts") {
  const std::string bytes =
      "\x80\x02}(U\x01"
      "aK\x01U\x01"
      "bK\x02U\x01"
      "aK\x03u.";
  const Pickle pickle = tools::read_pickle(bytes);
  REQUIRE(pickle.find(root(pickle), "a") != nullptr);
  CHECK(pickle.find(root(pickle), "a")->number == 3);
  CHECK(pickle.find(root(pickle), "b")->number == 2);
  CHECK(pickle.find(root(pickle), "c") == nullptr);
}

TEST_CASE("a call stays a description, whatever its protocol") {
  for (const std::string& bytes :
       {"\x80\x02"
        "cposix\nsystem\nU\x02ls\x85R."s,                            // GLOBAL, REDUCE
        "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R."s,  // STACK_GLOBAL
        "\x80\x02"
        "cposix\nsystem\nU\x02ls\x85\x81."s,  // NEWOBJ
        "\x80\x04"
        "cposix\nsystem\nU\x02ls\x85}\x92."s}) {  // NEWOBJ_EX
    const Pickle pickle = tools::read_pickle(bytes);
    CHECK(root(pickle).kind == PickleKind::kCall);
    CHECK(pickle.global_name(pickle.root) == "posix.system");
    CHECK(tools::describe(pickle, pickle.root) == "an object made by calling 'posix.system' (os.system)");
  }
}

TEST_CASE("an object's state is dropped, an OrderedDict is a dict") {
  const std::string object =
      "\x80\x02"
      "cargparse\nNamespace\n)\x81}U\x01"
      "aK\x01sb.";
  const Pickle first = tools::read_pickle(object);
  CHECK(first.global_name(first.root) == "argparse.Namespace");
  const std::string ordered =
      "\x80\x02"
      "ccollections\nOrderedDict\n)RU\x01"
      "aK\x07s}b.";
  const Pickle second = tools::read_pickle(ordered);
  REQUIRE(root(second).kind == PickleKind::kDict);
  CHECK(second.find(root(second), "a")->number == 7);
}

TEST_CASE("a list may contain itself") {
  const std::string bytes =
      "\x80\x02]q\x00h\x00"
      "a."s;
  const Pickle pickle = tools::read_pickle(bytes);
  CHECK(root(pickle).items == std::vector<uint32_t>{pickle.root});
}

TEST_CASE("a pickle ends at its STOP") {
  CHECK(tools::read_pickle("\x80\x02N.N.").bytes == 4);
}

TEST_CASE("what is no pickle of protocol 2 to 5 is refused") {
  CHECK(names(refusal(""), "is not one of protocol 2 to 5"));
  CHECK(names(refusal("(lp0\n."), "is not one of protocol 2 to 5"));
  CHECK(names(refusal("\x80\x01N."), "has protocol 1"));
  CHECK(names(refusal("\x80\x06N."), "has protocol 6"));
  CHECK(names(refusal("\x80\x02I1\n."), "has the opcode 0x49"));
  CHECK(names(refusal("\x80\x02(iposix\nsystem\n."), "has the opcode 0x69"));
  CHECK(names(refusal("\x80\x02\x82\x01."), "has the opcode 0x82"));
}

TEST_CASE("a stack machine that goes wrong is refused") {
  CHECK(names(refusal("\x80\x02."), "takes from an empty stack"));
  CHECK(names(refusal("\x80\x02N(0R."), "takes from an empty stack"));
  CHECK(names(refusal("\x80\x02N(s."), "takes from an empty stack"));
  CHECK(names(refusal("\x80\x02Nt."), "has no MARK"));
  CHECK(names(refusal("\x80\x02}(Nu."), "has a key without a value"));
  CHECK(names(refusal("\x80\x02NNa."), "adds items to None"));
  CHECK(names(refusal("\x80\x02j\xff\xff\xff\xff."), "recalls memo entry 4294967295"));
  CHECK(names(refusal("\x80\x02K\x01K\x02\x93."), "names a global by something that is not a string"));
  CHECK(names(refusal("\x80\x02"
                      "cos\nsystem\nNR."),
              "arguments that are not a tuple"));
  CHECK(names(refusal("\x80\x02"
                      "cos"),
              "ends inside a name"));
  CHECK(
      names(refusal("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff."), "a frame that reaches beyond its end"));
  CHECK(names(refusal("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff."),
              "ends inside an item of 18446744073709551615 bytes"));
}

TEST_CASE("the number of values is bounded") {
  std::string lists = "\x80\x02(";
  lists.append(5'000'001, ']');
  CHECK(names(refusal(lists + "t."), "holds more than 5000000 values"));
}

}  // namespace levit::tests
