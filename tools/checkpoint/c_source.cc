#include "tools/checkpoint/c_source.h"

#include "levit.h"

namespace levit::tools {
namespace {

constexpr char kHead[] =
    "extern \"C\" {\n"
    "#define LEVIT_ALIGNED alignas(64)\n"
    "extern const uint64_t levit_weights[];\n"
    "extern const size_t levit_weights_bytes;\n"
    "#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L\n"
    "#define LEVIT_ALIGNED _Alignas(64)\n"
    "#else\n"
    "#define LEVIT_ALIGNED __attribute__((aligned(64)))\n"
    "#endif\n";

}  // namespace

std::vector<uint8_t> c_source(const std::vector<uint8_t>& image) {
  constexpr char kDigits[] = "0123456789abcdef";
  constexpr size_t kWord = 8, kWordsOfLine = 5;
  const size_t words = (image.size() + kWord - 1) / kWord;
  std::string text = "/* A .levit weight file, made by pack_weights " + std::string(levit_version()) +
                     ". Elsewhere:\n *   extern const uint64_t levit_weights[];\n"
                     " *   extern const size_t levit_weights_bytes;\n"
                     " *   levit_open(levit_weights, levit_weights_bytes, &model); */\n"
                     "#include <stddef.h>\n#include <stdint.h>\n\n#ifdef __cplusplus\n" +
                     kHead + "\nconst size_t levit_weights_bytes = " + std::to_string(image.size()) +
                     ";\nLEVIT_ALIGNED const uint64_t levit_weights[" + std::to_string(words) + "] = {";
  text.reserve(text.size() + words * 22 + 100);
  for (size_t word = 0; word < words; ++word) {
    text += word % kWordsOfLine == 0 ? "\n    0x" : " 0x";
    for (size_t byte = kWord; byte-- > 0;) {
      const size_t at = word * kWord + byte;
      const uint8_t value = at < image.size() ? image[at] : 0;
      text += kDigits[value >> 4];
      text += kDigits[value & 15];
    }
    text += "u,";
  }
  text += "\n};\n\n#ifdef __cplusplus\n}\n#endif\n";
  return {text.begin(), text.end()};
}

}  // namespace levit::tools
