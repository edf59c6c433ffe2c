// Files that are no checkpoints, or were made to do harm: each is refused, and the message names the cause.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "tests/tools/checkpoint_files.h"
#include "tools/checkpoint/checkpoint.h"

namespace levit::tests {
namespace {

struct Refusal {
  const char* file;
  const char* cause;
};

constexpr Refusal kRefusals[] = {
    {"empty.pth", "the file is empty"},
    {"empty.safetensors", "the file is empty"},
    {"text.pth", "text, not a checkpoint ('<!DOCTYPE html>')"},
    {"lfs_pointer.safetensors", "a Git LFS pointer"},
    {"truncated_half.pth", "no end-of-central-directory record: the file is cut off"},
    {"truncated_tail.pth", "no end-of-central-directory record: the file is cut off"},
    {"truncated_legacy.pth", "the file ends inside storage"},
    {"truncated_legacy_pickle.pth", "the pickle ends without STOP"},
    {"truncated.safetensors", "'stem.conv1.linear.weight': data_offsets reach beyond the end of the file"},
    {"trailing.safetensors", "16 bytes after 'stem.conv1.linear.weight' belong to no tensor"},
    {"command.pth", "calling 'posix.system' (os.system)"},
    {"command_bare.pth", "calling 'posix.system' (os.system)"},
    {"eval_global.pth", "calling 'builtins.eval'"},
    {"pickle_stack.pth", "takes from an empty stack"},
    {"pickle_memo.pth", "recalls memo entry 99, which was never stored"},
    {"pickle_no_stop.pth", "the pickle ends without STOP"},
    {"pickle_length.pth", "ends inside an item of 2147483647 bytes"},
    {"pickle_deep.pth", "it holds a list, not a state dict"},
    {"pickle_self.pth", "it holds a list, not a state dict"},
    {"not_a_dict.pth", "it holds a list, not a state dict"},
    {"wrong_crc.pth", "its CRC-32 does not fit"},
    {"deflated.pth", "is compressed (deflated)"},
    {"missing_storage.pth", "in storage '1', which is not in the file"},
    {"missing_pickle.pth", "the zip has no entry data.pkl"},
    {"short_storage.pth", "in storage '0' of 54 elements, of which the file has only 8 bytes"},
    {"zip_size.pth", "claims 2147483632 bytes, beyond the end of the file"},
    {"tensor_stride.pth", "reaches beyond its storage: offset 0, sizes [4, 27], strides [1000, 1]"},
    {"tensor_offset.pth", "reaches beyond its storage: offset 1099511627776"},
    {"tensor_negative.pth", "a negative stride"},
    {"tensor_negative_size.pth", "a negative size"},
    {"tensor_overflow.pth", "the number of elements of [8589934592, 8589934592] overflows 64 bits"},
    {"tensor_count.pth", "in storage '0' of 1099511627776 elements, of which the file has only 216 bytes"},
    {"tensor_storage_type.pth", "of the class 'torch.QuantizedStorage', which is not supported"},
    {"big_endian.pth", "big-endian"},
    {"header_overflow.safetensors",
     "the header's length, 18446744073709551615, is beyond the end of the file"},
    {"header_long.safetensors", "the header's length, 1000000, is beyond the end of the file"},
    {"header_json.safetensors", "the header is not complete JSON"},
    {"header_array.safetensors", "the header is a JSON array"},
    {"header_utf8.safetensors", "the header is not UTF-8"},
    {"header_deep.safetensors", "holds an array out of place"},
    {"duplicate_key.safetensors", "the header has the name 'a' twice"},
    {"overlap.safetensors", "the data of 'b' overlaps that of 'a'"},
    {"hole.safetensors", "4 bytes between 'a' and 'b' belong to no tensor"},
    {"reversed.safetensors", "data_offsets end before they begin"},
    {"beyond.safetensors", "data_offsets reach beyond the end of the file"},
    {"size_mismatch.safetensors", "shape [3] needs 12 bytes, data_offsets give 8"},
    {"shape_overflow.safetensors", "overflows 64 bits"},
    {"negative_shape.safetensors", "'shape' holds a negative number"},
    {"float_offsets.safetensors", "'data_offsets' holds a number that is not an integer"},
    {"unknown_dtype.safetensors", "of the dtype 'F31', which is not supported"},
    {"few_tensors.safetensors", "4 tensors, and every block of stages.0, stages.1, stages.2 is missing"},
    {"wrong_shape.safetensors",
     "1 tensor has a wrong shape: stages.1.blocks.0.attn.qkv.linear.weight is [56, 24], expected [64, 24]"},
    {"missing_key.safetensors", "1 tensor is missing: stages.2.blocks.0.mlp.ln2.linear.weight"},
    {"nan.safetensors",
     "1 tensor holds numbers that are not finite: stages.0.blocks.0.mlp.ln1.linear.weight (1 of 512)"},
    {"negative_variance.safetensors", "negative values: stem.conv2.bn.running_var"},
    {"bias_table.safetensors", "stages.1.blocks.0.attn.attention_biases is [2, 48], expected [2, 49]"},
    {"heads_differ.safetensors", "head has 3 classes, head_dist has 2"},
};

}  // namespace

TEST_CASE("every hostile file is refused, its cause named in one line") {
  for (const Refusal& refusal : kRefusals) {
    CAPTURE(refusal.file);
    const std::string bytes = checkpoint_bytes("hostile/" + std::string(refusal.file));
    const std::string message = thrown_by([&] { tools::load_checkpoint(bytes); });
    CAPTURE(message);
    CHECK(names(message, refusal.cause));
    CHECK_FALSE(names(message, "\n"));
  }
}

TEST_CASE("every hostile file has its cause listed") {
  std::set<std::string> listed, found;
  for (const Refusal& refusal : kRefusals) listed.insert(refusal.file);
  for (const auto& entry : std::filesystem::directory_iterator(checkpoint_path("hostile"))) {
    found.insert(entry.path().filename());
  }
  CHECK(listed == found);
}

TEST_CASE("a checkpoint cut off anywhere is refused") {
  for (const char* name : {"tiny/timm_f16.safetensors", "tiny/timm_legacy.pth", "tiny/half_zip.pth"}) {
    CAPTURE(name);
    const std::string bytes = checkpoint_bytes(name);
    REQUIRE(thrown_by([&] { tools::load_checkpoint(bytes); }) == "");
    for (size_t size = 0; size < bytes.size(); size += size < 2000 ? 1 : 997) {
      CAPTURE(size);
      const std::string cut = bytes.substr(0, size);
      CHECK(thrown_by([&] { tools::load_checkpoint(cut); }) != "");
    }
  }
}

}  // namespace levit::tests
