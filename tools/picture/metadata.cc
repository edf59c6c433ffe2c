// Metadata are searched for the few things that are said of a picture's origin; nothing here parses XML or
// verifies a signature.
#include "tools/picture/metadata.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

#include "tools/common/text.h"

namespace levit::tools {
namespace {

using std::string_view;

constexpr uint32_t kDescription = 0x010e, kMake = 0x010f, kModel = 0x0110, kOrientation = 0x0112,
                   kSoftware = 0x0131, kExifDirectory = 0x8769, kUserComment = 0x9286;
constexpr uint32_t kAscii = 2, kShort = 3, kLong = 4;
constexpr size_t kHeaderBytes = 8, kEntryBytes = 12;
constexpr size_t kLongestText = 80;  // of what is repeated from the file

uint32_t integer(const uint8_t* at, size_t bytes, bool big_endian) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | at[big_endian ? i : bytes - 1 - i];
  return value;
}

void append_utf8(std::string& out, uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    if (point < 0x10000) {
      out += static_cast<char>(0xe0 | point >> 12);
    } else {
      out += static_cast<char>(0xf0 | point >> 18);
      out += static_cast<char>(0x80 | (point >> 12 & 0x3f));
    }
    out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
}

// UTF-8 as it is; anything else is taken for Latin-1.
std::string utf8(string_view bytes) {
  std::string text(bytes);
  if (valid_utf8(text)) return text;
  text.clear();
  for (const char c : bytes) append_utf8(text, static_cast<uint8_t>(c));
  return text;
}

std::string utf8_of_utf16(string_view bytes) {
  // The standard says big-endian or a mark; most writers give neither and follow the machine: a text has more
  // zeros in its upper bytes.
  size_t even = 0, odd = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    even += bytes[i] == '\0';
    odd += bytes[i + 1] == '\0';
  }
  const auto unit = [&](size_t i) {
    return i + 1 < bytes.size() ? integer(reinterpret_cast<const uint8_t*>(bytes.data()) + i, 2, even > odd)
                                : 0;
  };
  constexpr uint32_t kMark = 0xfeff, kHigh = 0xd800, kLow = 0xdc00, kEnd = 0xe000;
  std::string text;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const uint32_t first = unit(i), second = unit(i + 2);
    if (first == kMark && i == 0) continue;
    if (first >= kHigh && first < kLow && second >= kLow && second < kEnd) {
      append_utf8(text, 0x10000 + ((first - kHigh) << 10 | (second - kLow)));
      i += 2;
    } else {
      append_utf8(text, first >= kHigh && first < kEnd ? '?' : first);
    }
  }
  return text;
}

// One short line of a text.
std::string excerpt(string_view text) {
  std::string line;
  for (const char c : utf8(text)) {
    const bool blank = static_cast<uint8_t>(c) <= ' ' || c == '\x7f';
    if (blank && (line.empty() || line.back() == ' ')) continue;
    line += blank ? ' ' : c;
  }
  const auto whole = [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; };
  if (line.size() > kLongestText) {
    size_t end = kLongestText;
    while (end > 0 && !whole(line[end])) --end;
    line.resize(end);
    line += "...";
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

bool contains(string_view text, string_view word) {
  return text.find(word) != string_view::npos;
}

bool begins(string_view text, string_view start) {
  return text.substr(0, start.size()) == start;
}

// What programs write into free texts: the settings of a generated picture.
bool read_generator(string_view text, Metadata& metadata) {
  if (contains(text, "Steps: ") && contains(text, "Sampler"))
    metadata.say("generation parameters: " + excerpt(text));
  else if (contains(text, "Job ID: ") || contains(text, "--v "))
    metadata.say("generation prompt: " + excerpt(text));
  else if (begins(text, "prompt:{") || begins(text, "Prompt:{"))
    metadata.say("a ComfyUI prompt");
  else if (begins(text, "workflow:{") || begins(text, "Workflow:{"))
    metadata.say("a ComfyUI workflow");
  else
    return false;
  return true;
}

// The fields of an EXIF stream that are read.
struct Fields {
  bool orientation_seen = false;
  std::string make, model, software, description, comment;
};

class ExifReader {
 public:
  ExifReader(Bytes tiff, Metadata& metadata) : tiff_(tiff), metadata_(metadata) {}

  void run() {
    if (tiff_.size < kHeaderBytes || tiff_.data[0] != tiff_.data[1] ||
        (tiff_.data[0] != 'I' && tiff_.data[0] != 'M'))
      return;
    big_ = tiff_.data[0] == 'M';
    if (integer(tiff_.data + 2, 2, big_) != 42) return;
    read_directory(integer(tiff_.data + 4, 4, big_), true);
    tell();
  }

 private:
  void read_directory(size_t at, bool main) {
    if (at < kHeaderBytes || at > tiff_.size - 2) return;
    const size_t claimed = integer(tiff_.data + at, 2, big_);
    const size_t present = std::min(claimed, (tiff_.size - at - 2) / kEntryBytes);
    for (size_t i = 0; i < present; ++i) read_entry(tiff_.data + at + 2 + i * kEntryBytes, main);
  }

  // tag, type, count, value or its offset
  void read_entry(const uint8_t* entry, bool main) {
    const uint32_t tag = integer(entry, 2, big_), type = integer(entry + 2, 2, big_);
    const uint32_t count = integer(entry + 4, 4, big_);
    if (tag == kUserComment) fields_.comment = comment(bytes(entry, count));
    if (!main) return;
    if (tag == kOrientation && !fields_.orientation_seen) {
      fields_.orientation_seen = true;
      if ((type != kShort && type != kLong) || count != 1) return;
      const uint32_t value = integer(entry + 8, type == kShort ? 2 : 4, big_);
      if (value >= 1 && value <= 8) metadata_.orientation = static_cast<int>(value);
    }
    if (tag == kExifDirectory && type == kLong) read_directory(integer(entry + 8, 4, big_), false);
    if (type != kAscii) return;
    std::string* const text = tag == kMake          ? &fields_.make
                              : tag == kModel       ? &fields_.model
                              : tag == kSoftware    ? &fields_.software
                              : tag == kDescription ? &fields_.description
                                                    : nullptr;
    if (text != nullptr) *text = text_of(bytes(entry, count));
  }

  string_view bytes(const uint8_t* entry, size_t count) const {
    const size_t at = count <= 4 ? static_cast<size_t>(entry + 8 - tiff_.data) : integer(entry + 8, 4, big_);
    if (at > tiff_.size || count > tiff_.size - at) return {};
    return {reinterpret_cast<const char*>(tiff_.data) + at, count};
  }

  static std::string text_of(string_view bytes) { return std::string(bytes.substr(0, bytes.find('\0'))); }

  // Eight bytes name the characters of a user comment.
  static std::string comment(string_view bytes) {
    constexpr size_t kName = 8;
    if (bytes.size() <= kName) return {};
    const string_view text = bytes.substr(kName);
    return begins(bytes, "UNICODE") ? utf8_of_utf16(text) : text_of(text);
  }

  void tell() {
    const bool made = read_generator(fields_.make, metadata_);
    const bool generator = read_generator(fields_.model, metadata_) || made;
    const std::string make = excerpt(fields_.make), model = excerpt(fields_.model);
    if (!generator && !(make + model).empty())
      metadata_.say("camera: " + (make.empty() || begins(model, make) ? model
                                  : model.empty()                     ? make
                                                                      : make + " " + model));
    if (!excerpt(fields_.software).empty()) metadata_.say("software: " + excerpt(fields_.software));
    read_generator(fields_.description, metadata_);
    read_generator(fields_.comment, metadata_);
  }

  Bytes tiff_;
  Metadata& metadata_;
  bool big_ = false;
  Fields fields_;
};

string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

// XML's five names of characters, replaced.
std::string plain_text(string_view xml) {
  static constexpr std::pair<string_view, char> kNames[] = {
      {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
  std::string text;
  for (size_t at = 0; at < xml.size();) {
    const auto* const named = std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& name) {
      return begins(xml.substr(at), name.first);
    });
    const bool found = named != std::end(kNames);
    text += found ? named->second : xml[at];
    at += found ? named->first.size() : 1;
  }
  return text;
}

// The value of a property of XMP, which is an attribute (name="value") or an element (<name>value</name>, or
// <name rdf:resource="value"/>).
string_view property(string_view packet, string_view name) {
  for (size_t at = packet.find(name); at != string_view::npos; at = packet.find(name, at + 1)) {
    if (at == 0 || packet[at - 1] != ':') continue;
    size_t from = at + name.size();
    while (from < packet.size() && std::strchr(" \t\r\n=", packet[from]) != nullptr) ++from;
    if (begins(packet.substr(from), "rdf:resource")) from = packet.find_first_of("\"'", from);
    if (from >= packet.size()) return {};
    const char open = packet[from], close = open == '>' ? '<' : open;
    if (open != '>' && open != '"' && open != '\'') continue;
    const size_t end = packet.find(close, from + 1);
    if (end != string_view::npos && end > from + 1) return packet.substr(from + 1, end - from - 1);
  }
  return {};
}

}  // namespace

void Metadata::say(const std::string& sentence) {
  if (std::find(says.begin(), says.end(), sentence) == says.end()) says.push_back(sentence);
}

void read_exif(Bytes tiff, Metadata& metadata) {
  ExifReader(tiff, metadata).run();
}

void read_xmp(Bytes packet, Metadata& metadata) {
  const string_view text = as_text(packet);
  const string_view source = property(text, "DigitalSourceType");
  // IPTC's terms are addresses that end in the term.
  if (!source.empty()) metadata.say("digital source type: " + excerpt(source.substr(source.rfind('/') + 1)));
  const string_view tool = property(text, "CreatorTool"), credit = property(text, "Credit");
  if (!tool.empty()) metadata.say("software: " + excerpt(plain_text(tool)));
  if (!credit.empty()) metadata.say("credit: " + excerpt(plain_text(credit)));
}

int xmp_orientation(Bytes packet) {
  const string_view text = as_text(packet);
  for (const string_view start : {"tiff:Orientation=\"", "tiff:Orientation>"}) {
    const size_t at = text.find(start);
    if (at == string_view::npos || at + start.size() >= text.size()) continue;
    const char digit = text[at + start.size()];
    if (digit >= '1' && digit <= '8') return digit - '0';
  }
  return 0;
}

void read_text(const std::string& key, const std::string& text, Metadata& metadata) {
  struct Known {
    const char* key;
    const char* sentence;
    bool repeat;  // the text itself too
  };
  static constexpr Known kKnown[] = {
      {"parameters", "generation parameters", true},
      {"prompt", "a ComfyUI prompt", false},
      {"workflow", "a ComfyUI workflow", false},
      {"Dream", "InvokeAI prompt", true},
      {"sd-metadata", "InvokeAI metadata", false},
      {"invokeai", "InvokeAI metadata", false},
      {"invokeai_metadata", "InvokeAI metadata", false},
      {"invokeai_graph", "an InvokeAI graph", false},
      {"invokeai_workflow", "an InvokeAI workflow", false},
      {"generation_data", "generation data", true},
      {"fooocus_scheme", "generation parameters of Fooocus", false},
      {"Software", "software", true},
      {"Source", "source", true},
  };
  if (key == "XML:com.adobe.xmp") {
    read_xmp({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, metadata);
    return;
  }
  for (const Known& known : kKnown) {
    if (key != known.key || text.empty()) continue;
    metadata.say(known.sentence + (known.repeat ? ": " + excerpt(text) : std::string()));
    return;
  }
  read_generator(text, metadata);
}

void read_comment(Bytes comment, Metadata& metadata) {
  read_generator(as_text(comment), metadata);
}

void read_jumbf(Bytes box, Metadata& metadata) {
  constexpr size_t kLooked = 64;  // length, type and the description box
  const string_view start = as_text({box.data, std::min(box.size, kLooked)});
  if (contains(start, "jumb") && contains(start, "c2pa")) metadata.say("a C2PA manifest (not verified)");
}

}  // namespace levit::tools
