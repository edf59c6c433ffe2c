#include "tools/levit/evaluate/facts.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "tools/common/input_list.h"

namespace levit::tools {
namespace {

// Quantisation tables stand behind EXIF and colour profiles, and in front of the pixels.
constexpr size_t kStart = 262144;

// Adds up the tables of one DQT segment (ITU-T T.81, B.2.4.1).
void add_tables(std::string_view segment, FileFacts& facts) {
  const auto byte = [&segment](size_t at) { return static_cast<uint8_t>(segment[at]); };
  for (size_t at = 0; at < segment.size();) {
    const bool wide = byte(at) >> 4 != 0;
    const unsigned id = byte(at) & 15U;
    ++at;
    size_t sum = 0;
    for (size_t i = 0; i < 64 && at + (wide ? 2 : 1) <= segment.size(); ++i) {
      sum += wide ? byte(at) * size_t{256} + byte(at + 1) : byte(at);
      at += wide ? 2 : 1;
    }
    if (id == 0) facts.luma_steps = sum;
    if (id == 1) facts.chroma_steps = sum;
  }
}

// FNV-1a (Fowler, Noll, Vo), going on from `hash`.
uint64_t mixed(uint64_t hash, std::string_view bytes) {
  if (hash == 0) hash = 0xcbf29ce484222325u;
  for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3u;
  return hash;
}

void walk_jpeg(std::string_view file, FileFacts& facts) {
  const auto byte = [&file](size_t at) { return static_cast<uint8_t>(file[at]); };
  for (size_t at = 2; at + 4 <= file.size();) {
    if (byte(at) != 0xff) return;
    const uint8_t marker = byte(at + 1);
    if (marker == 0xff) {  // fill
      ++at;
      continue;
    }
    if (marker == 0xda) return;  // the pixels begin
    const size_t length = byte(at + 2) * size_t{256} + byte(at + 3);
    if (length < 2 || at + 2 + length > file.size()) return;
    const std::string_view segment = file.substr(at + 4, length - 2);
    if (marker == 0xdb) {
      add_tables(segment, facts);
      facts.tables = mixed(facts.tables, segment);
    }
    // A frame: behind precision and size, the channels and their sampling (B.2.2).
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame && segment.size() > 5) facts.tables = mixed(facts.tables, segment.substr(5));
    at += 2 + length;
  }
}

std::string format_of(std::string_view file) {
  const auto starts = [&file](std::string_view magic) { return file.substr(0, magic.size()) == magic; };
  if (starts("\xff\xd8\xff")) return "jpeg";
  if (starts("\x89PNG")) return "png";
  if (starts("RIFF") && file.substr(8, 4) == "WEBP") return "webp";
  if (starts("BM")) return "bmp";
  if (starts("GIF8")) return "gif";
  if (starts("\x93NUMPY")) return "npy";
  if (file.size() > 1 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6') return "pnm";
  return "other";
}

}  // namespace

FileFacts facts_of(const uint8_t* file, size_t bytes) {
  const std::string_view view(reinterpret_cast<const char*>(file), bytes);
  FileFacts facts;
  facts.bytes = bytes;
  facts.format = view.size() < 12 ? "other" : format_of(view);
  if (facts.format == "jpeg") walk_jpeg(view, facts);
  return facts;
}

FileFacts read_facts(const std::string& path) {
  std::error_code error;
  const auto bytes = static_cast<size_t>(std::filesystem::file_size(path, error));
  if (error) return {};
  std::vector<uint8_t> start(std::min(bytes, kStart));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(start.data()), static_cast<std::streamsize>(start.size()));
  FileFacts facts = facts_of(start.data(), static_cast<size_t>(file.gcount()));
  facts.bytes = bytes;
  return facts;
}

}  // namespace levit::tools
