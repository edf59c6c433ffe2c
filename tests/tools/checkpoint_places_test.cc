// Where in a file people leave a network, and what else they leave there.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/tools/checkpoint_files.h"
#include "tests/tools/checkpoint_writer.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/labels.h"
#include "tools/checkpoint/safetensors.h"

namespace levit::tests {
namespace {

using tools::FoldedModel;
using tools::ReadOptions;

const NamedValues& network() {
  static const NamedValues kNetwork = [] {
    const std::string bytes = checkpoint_bytes("tiny/single_head.safetensors");
    return values_of(tools::read_safetensors(bytes));
  }();
  return kNetwork;
}

// Another network of the same sizes.
NamedValues changed() {
  NamedValues values = network();
  values["stem.conv1.linear.weight"].data[0] += 1;
  return values;
}

double first_weight(const std::string& bytes, const std::string& key = "") {
  ReadOptions options;
  options.key = key;
  return tools::load_checkpoint(bytes, options).layers[0].weight[0];
}

std::string refusal(const std::string& bytes) {
  return thrown_by([&] { tools::load_checkpoint(bytes); });
}

const double kPlain = first_weight(safetensors_of(network()));
const double kChanged = first_weight(safetensors_of(changed()));

// A module as pickle writes it: its attributes are three dicts among others, and the names of its tensors
// follow from the tree.
struct Module {
  NamedValues parameters, buffers;
  std::map<std::string, Module> children;
  std::string type = "timm.models.levit\nLevit";
  std::string epsilon = std::string("G\x3e\xe4\xf8\xb5\x88\xe3\x68\xf1");  // 1e-5
};

Module module_of(const NamedValues& values) {
  Module root;
  for (const auto& [name, tensor] : values) {
    Module* module = &root;
    size_t begin = 0;
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', begin)) {
      module = &module->children[name.substr(begin, dot - begin)];
      begin = dot + 1;
    }
    const std::string leaf = name.substr(begin);
    (leaf.compare(0, 8, "running_") == 0 ? module->buffers : module->parameters)[leaf] = tensor;
  }
  return root;
}

std::string pickled(TorchWriter& torch, const Module& module) {
  std::vector<std::pair<std::string, std::string>> children;
  for (const auto& [name, child] : module.children)
    children.emplace_back(torch.text(name), pickled(torch, child));
  const std::string parameters = torch.state_dict(module.parameters),
                    buffers = torch.state_dict(module.buffers);
  return "c" + module.type + "\n)\x81" +
         torch.dict({{torch.text("training"), "\x88"},
                     {torch.text("eps"), module.epsilon},
                     {torch.text("_parameters"), parameters},
                     {torch.text("_buffers"), buffers},
                     {torch.text("_modules"), torch.dict(children)}}) +
         "b";
}

std::string file_of(const Module& module) {
  TorchWriter torch;
  const std::string root = pickled(torch, module);
  return torch.file(root);
}

// The network with the classifier head.1 behind whatever head.0 is.
Module with_head_of_two(const std::string& first) {
  NamedValues values;
  for (const auto& [name, tensor] : network()) {
    const bool map = name.compare(0, 12, "head.linear.") == 0;
    if (map || name.compare(0, 5, "head.") != 0) values[map ? "head.1." + name.substr(12) : name] = tensor;
  }
  Module root = module_of(values);
  root.children["head"].children["0"].type = "torch.nn.modules." + first;
  return root;
}

// {first: network, second: changed}.
std::string two_dicts(const std::string& first, const std::string& second) {
  TorchWriter torch;
  const std::string a = torch.state_dict(network()), b = torch.state_dict(changed());
  return torch.file(torch.dict({{torch.text(first), a}, {torch.text(second), b}}));
}

}  // namespace

TEST_CASE("a network is found below any prefix and under any key") {
  REQUIRE(kPlain != kChanged);
  for (const char* prefix : {"backbone.", "encoder.", "net.levit.", "_orig_mod.module.", "a.b.c.d."}) {
    CAPTURE(std::string(prefix));
    CHECK(first_weight(safetensors_of(below(prefix, network()))) == kPlain);
  }
  for (const char* key : {"module", "ema", "net", "weights", "state dict of mine"}) {
    CAPTURE(std::string(key));
    TorchWriter torch;
    const std::string dict = torch.state_dict(network());
    CHECK(first_weight(torch.file(torch.dict({{torch.text(key), dict}, {torch.text("epoch"), "K\x07"}}))) ==
          kPlain);
  }
}

TEST_CASE("of several dicts the averaged weights come first, then the usual names") {
  CHECK(first_weight(two_dicts("model", "model_ema")) == kChanged);
  CHECK(first_weight(two_dicts("model", "state_dict_ema")) == kChanged);
  CHECK(first_weight(two_dicts("ema_weights", "model")) == kPlain);
  CHECK(first_weight(two_dicts("state_dict", "model")) == kPlain);
  CHECK(first_weight(two_dicts("best", "state_dict")) == kChanged);
}

TEST_CASE("several networks are refused by name unless a key takes one") {
  const std::string file = two_dicts("last", "best");
  CHECK(refusal(file) == "2 different LeViTs lie at 'best' and 'last'; --key KEY takes one of them");
  CHECK(first_weight(file, "best") == kChanged);
  CHECK(first_weight(file, "last") == kPlain);
  CHECK(names(thrown_by([&] { first_weight(file, "worst"); }), "no LeViT lies at 'worst' (--key)"));
  const std::string pair = safetensors_of(joined(below("student.", network()), below("teacher.", changed())));
  CHECK(names(refusal(pair), "'student' and 'teacher'; --key KEY takes one of them"));
  CHECK(first_weight(pair, "teacher") == kChanged);
}

TEST_CASE("a copy in ema. beside a Lightning model is not taken in its place") {
  const NamedValues both = joined(below("model.", network()), below("ema.module.", changed()));
  TorchWriter torch;
  const std::string dict = torch.state_dict(both);
  const std::string file = torch.file(torch.dict({{torch.text("state_dict"), dict}}));
  CHECK(first_weight(file) == kPlain);
  CHECK(first_weight(file, "ema") == kChanged);
  CHECK(tools::read_checkpoint(file).other_networks == std::vector<std::string>{"state_dict.ema.module."});
}

TEST_CASE("an average that lacks the running statistics is no whole network") {
  NamedValues parameters = changed();
  for (auto at = parameters.begin(); at != parameters.end();)
    at = at->first.find(".running_") != std::string::npos ? parameters.erase(at) : std::next(at);
  TorchWriter torch;
  const std::string whole = torch.state_dict(network()), part = torch.state_dict(parameters);
  CHECK(first_weight(torch.file(torch.dict({{torch.text("model"), whole}, {torch.text("ema"), part}}))) ==
        kPlain);
}

TEST_CASE("subclasses of dict, integer keys, long lists and tuples around a dict are read") {
  {
    TorchWriter torch;
    const std::string dict = torch.state_dict(network(), "cmine\nMyDict\n)\x81");
    CHECK(first_weight(torch.file(dict)) == kPlain);
  }
  {
    TorchWriter torch;
    const std::string tensor = torch.tensor({{3}, {1, 2, 3}});
    NamedValues values = network();
    std::string dict = torch.state_dict(values);
    dict += "(" + torch.integer(7) + tensor + torch.integer(8) + torch.text("x") + "u";
    CHECK(first_weight(torch.file(dict)) == kPlain);
  }
  {
    TorchWriter torch;
    std::string losses = "](";
    for (int i = 0; i < 6'000'000; ++i)
      losses += i % 1000 == 999 ? "K\x01"
                                  "e("
                                : "K\x01";
    const std::string dict = torch.state_dict(network());
    const std::string file =
        torch.file(torch.dict({{torch.text("losses"), losses + "e"}, {torch.text("net"), dict}}));
    CHECK(first_weight(file) == kPlain);
  }
  TorchWriter torch;
  CHECK(first_weight(torch.file("(" + torch.integer(3) + torch.state_dict(network()) + "t")) == kPlain);
}

TEST_CASE("a module that was saved whole is read as data") {
  TorchWriter torch;
  const std::string module = pickled(torch, module_of(network()));
  CHECK(first_weight(torch.file(module)) == kPlain);
  CHECK(first_weight(torch.file(torch.dict({{torch.text("model"), module}}))) == kPlain);
}

TEST_CASE("a module that was saved whole tells its batch norms' epsilon") {
  Module root = module_of(network());
  root.children["stem"].children["conv1"].children["bn"].epsilon =
      std::string("G\x3f\xe0\x00\x00\x00\x00\x00\x00", 9);  // 0.5
  const double variance = network().at("stem.conv1.bn.running_var").data[0];
  CHECK(first_weight(file_of(root)) ==
        doctest::Approx(kPlain * std::sqrt((variance + 1e-5) / (variance + 0.5))));
}

TEST_CASE("a module that was saved whole tells what has no tensors, and what is not linear is refused") {
  for (const char* harmless : {"dropout\nDropout", "linear\nIdentity", "flatten\nFlatten",
                               "pooling\nAdaptiveAvgPool2d", "activation\nSoftmax"})
    CHECK(first_weight(file_of(with_head_of_two(harmless))) == kPlain);
  const auto cause = [](const std::string& name) {
    return "the classifier 'head' is more than one linear map and batch norms; it holds head.0 (" + name +
           "), head.1 (a linear map of 32 to 3)";
  };
  CHECK(refusal(file_of(with_head_of_two("activation\nReLU"))) == cause("ReLU"));
  CHECK(refusal(file_of(with_head_of_two("activation\nHardswish"))) == cause("Hardswish"));
  CHECK(refusal(file_of(with_head_of_two("pooling\nAdaptiveMaxPool2d"))) == cause("AdaptiveMaxPool2d"));
  CHECK(refusal(file_of(with_head_of_two("normalization\nLayerNorm"))) == cause("LayerNorm"));
  Module root = module_of(network());
  root.children["stem"].children["act1"].type = "torch.nn.modules.activation\nHardswish";
  CHECK(first_weight(file_of(root)) == kPlain);
  root.children["stem"].children["act2"].type = "torch.nn.modules.activation\nSiLU";
  CHECK(refusal(file_of(root)) == "its activation 'stem.act2' is SiLU, which is not supported");
  root.children["stem"].children.erase("act2");
  root.children["act"].type = "torch.nn.modules.activation\nReLU";
  CHECK(names(refusal(file_of(root)), "lies act (ReLU), which changes what it sees; --head KEY takes"));
}

TEST_CASE("an expanded tensor has one element many times") {
  NamedValues values = network();
  Values& bias = values["stem.conv1.bn.bias"];
  bias.data.assign(bias.data.size(), 0.25F);
  const double dense = tools::load_checkpoint(safetensors_of(values)).layers[0].bias[1];
  bias.data = {0.25F};
  bias.stride = {0};
  TorchWriter torch;
  const std::string dict = torch.state_dict(values), file = torch.file(dict);
  CHECK(tools::load_checkpoint(file).layers[0].bias[1] == dense);
}

TEST_CASE("an expanded tensor of absurd size is refused before it is read") {
  const auto expand = [](NamedValues values, const std::string& name, std::vector<uint64_t> shape) {
    values[name] = {shape, {0.25F}, std::vector<uint64_t>(shape.size(), 0)};
    return values;
  };
  const std::vector<uint64_t> absurd = {1 << 30, 1 << 30};
  TorchWriter torch;
  const std::string a = torch.state_dict(expand(network(), "stem.conv1.bn.weight", absurd));
  CHECK(names(refusal(torch.file(a)), "its tensors claim more than twice the file's bytes"));
  TorchWriter two;
  const NamedValues other = below("b.", expand(network(), "stem.conv1.bn.weight", absurd));
  const std::string both =
      two.state_dict(joined(below("a.", expand(network(), "stem.conv1.bn.weight", absurd)), other));
  CHECK(names(refusal(two.file(both)), "'a' and 'b'; --key KEY takes one of them"));
}

TEST_CASE("a zip may be padded, and say that it has computed no CRC") {
  std::string bytes = checkpoint_bytes("tiny/half_zip.pth");
  const double weight = first_weight(bytes);
  CHECK(first_weight(bytes + std::string(200'000, '\0')) == weight);
  CHECK(first_weight(bytes + "a trailer of some kind") == weight);
  const size_t entry = bytes.find("PK\x01\x02");
  for (size_t at = entry; at != std::string::npos; at = bytes.find("PK\x01\x02", at + 1))
    bytes.replace(at + 16, 4, 4, '\0');
  CHECK(first_weight(bytes) == weight);
}

TEST_CASE("safetensors: zero bytes are no padding, and other dtypes beside the network are ignored") {
  const std::string bytes = safetensors_of(network());
  std::string header = bytes.substr(8, bytes.find("}}") + 2 - 8), data = bytes.substr(8 + header.size());
  const auto file = [&](const std::string& text, const std::string& behind) {
    std::string length(8, '\0');
    for (size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> 8 * i);
    return length + text + data + behind;
  };
  REQUIRE(first_weight(file(header + "   ", "")) == kPlain);
  CHECK(refusal(file(header + std::string(3, '\0'), "")) ==
        "the header holds zero bytes; the format pads it with blanks");
  const std::string begin = std::to_string(data.size()), end = std::to_string(data.size() + 6);
  header.back() = ',';
  for (const char* dtype : {"F8_E4M3", "I4", "U16", "C64"}) {
    CAPTURE(std::string(dtype));
    const std::string more = header + R"("scale":{"dtype":")" + dtype +
                             R"(","shape":[2,3],"data_offsets":[)" + begin + "," + end + "]}}";
    CHECK(first_weight(file(more, "sixbyt")) == kPlain);
  }
}

TEST_CASE("files of other kinds are named as what they are") {
  CHECK(names(refusal("{\"metadata\": {}, \"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\"}}"),
              "the index of a sharded checkpoint"));
  CHECK(names(refusal("\x89HDF\r\n\x1a\n"), "an HDF5 file"));
  CHECK(names(refusal("GGUF    "), "a GGUF file"));
  CHECK(names(refusal("\x08\x07\x12\x07pytorch\x1a\x05"
                      "2.1.0"),
              "an ONNX model"));
  CHECK(names(refusal("model.pth" + std::string(248, '\0') + "ustar"), "a tar archive; unpack it first"));
  std::string zip = checkpoint_bytes("tiny/half_zip.pth");
  for (size_t at = zip.find("data.pkl"); at != std::string::npos; at = zip.find("data.pkl", at))
    zip.replace(at, 8, "what.pth");
  for (size_t at = zip.find("PK\x01\x02"); at != std::string::npos; at = zip.find("PK\x01\x02", at + 1))
    zip[at + 10] = 8;
  CHECK(names(refusal(zip), "a zip that torch.save did not write"));
  TorchWriter torch;
  const std::string script = torch.file(torch.dict({{torch.text("a"), "N"}}), "constants.pkl");
  CHECK(names(refusal(script), "a TorchScript archive (torch.jit.save), not a state dict"));
}

TEST_CASE("tensors without names, and arrays of NumPy, are named as what they are") {
  TorchWriter torch;
  const std::string tensor = torch.tensor({{1}, {2}});
  const std::string list = "](" + tensor + tensor + "e";
  const std::string averages = torch.dict({{torch.text("shadow_params"), list}});
  CHECK(refusal(torch.file(torch.dict({{torch.text("ema"), averages}}))) ==
        "its 2 tensors have no names, only places in 'ema.shadow_params'; copy them into the model and save "
        "its "
        "state_dict()");
  const std::string optimizer = torch.dict(
      {{torch.text("state"), torch.dict({{torch.integer(0), tensor}})}, {torch.text("param_groups"), "]"}});
  CHECK(refusal(torch.file(optimizer)) == "it holds the state of an optimizer, and no network");
  CHECK(refusal(torch.file(torch.dict({{torch.text("optimizer"), optimizer}}))) ==
        "it holds the state of an optimizer, and no network");
  const std::string array = "cnumpy.core.multiarray\n_reconstruct\n)R(K\x01tb";
  CHECK(refusal(torch.file(torch.dict({{torch.text("stem.conv1.linear.weight"), array}}))) ==
        "tensor 'stem.conv1.linear.weight': a NumPy array, which is not read; torch.from_numpy() makes a "
        "tensor "
        "of it");
}

TEST_CASE("labels come from lists, lines, JSON and Hugging Face's configuration") {
  using Labels = std::vector<std::string>;
  CHECK(tools::split_labels("cat, dog ,eel") == Labels{"cat", "dog", "eel"});
  CHECK(tools::split_labels(R"("crane, bird", "a ""b""",c)") == Labels{"crane, bird", "a \"b\"", "c"});
  CHECK(tools::parse_labels("\xef\xbb\xbf tench, Tinca tinca \r\ncrane\r\ncrane\n\n") ==
        Labels{"tench, Tinca tinca", "crane", "crane"});
  CHECK(tools::parse_labels(R"(["a", " b"])") == Labels{"a", "b"});
  CHECK(
      tools::parse_labels(R"({"1": "b", "0": "a", "10": "k", "2":"c","3":"d","4":"e","5":"f","6":"g","7":"h",
                               "8":"i","9":"j"})")[10] == "k");
  CHECK(tools::parse_labels(R"({"b": 1, "a": 0})") == Labels{"a", "b"});
  CHECK(tools::parse_labels(R"({"model_type": "levit", "id2label": {"0": "ai", "1": "real"}})") ==
        Labels{"ai", "real"});
  CHECK(tools::parse_labels(R"({"architecture": "levit_128s", "label_names": ["ai", "real"]})") ==
        Labels{"ai", "real"});
  CHECK(tools::parse_labels(R"({"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]})") ==
        Labels{"tench", "goldfish"});
  const auto cause = [](const std::string& text) { return thrown_by([&] { tools::parse_labels(text); }); };
  CHECK(cause(" \n") == "it holds no labels");
  CHECK(cause("a\n\nb\n") == "line 2 is empty");
  CHECK(cause(std::string("\xff\xfe"
                          "a\0\n\0",
                          6)) == "UTF-16 text; save it as UTF-8");
  CHECK(cause("[\"a\"") == "begins like JSON, but is not complete JSON");
  CHECK(cause(R"({"0": "a", "2": "b"})") == "no label for class 1");
  CHECK(cause(R"({"model_type": "levit"})") == "'model_type' is not the number of a class");
}

}  // namespace levit::tests
