// From a file of any format that is read to an upright picture, or to the 224 x 224 pixels that the network
// sees of it.
#include "tools/picture/picture.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>
#include <utility>

#include "levit.hpp"
#include "tools/picture/bmp.h"
#include "tools/picture/decoder.h"
#include "tools/picture/gif.h"
#ifdef LEVIT_HEIF
#include "tools/picture/heif.h"
#endif
#include "tools/picture/jpeg.h"
#include "tools/picture/png.h"
#include "tools/picture/pnm.h"
#include "tools/picture/source.h"
#ifdef LEVIT_CODECS
#include "tools/picture/webp.h"
#endif

namespace levit::tools {
namespace {

constexpr const char* kRead =
    "JPEG, PNG, "
#ifdef LEVIT_CODECS
    "WebP, "
#endif
#ifdef LEVIT_HEIF
    "HEIC, AVIF, "
#endif
    "GIF, BMP and PNM are";

struct Magic {
  std::string_view bytes;
  size_t at;
  const char* name;
};

// Formats that people do have and that are not read, or not in every build; nullptr for any other.
const Magic* other_format(Bytes file) {
  using std::string_view;
  static constexpr Magic kMagics[] = {
      {"WEBP", 8, "WebP"},
      {"ftypavif", 4, "AVIF"},
      {"ftypavis", 4, "AVIF"},
      {"ftyphei", 4, "HEIC"},
      {"ftyphev", 4, "HEIC"},
      {"ftypmif1", 4, "HEIC or AVIF"},
      {"ftypmsf1", 4, "HEIC or AVIF"},
      {string_view("II*\0", 4), 0, "TIFF"},
      {string_view("MM\0*", 4), 0, "TIFF"},
      {string_view("II+\0", 4), 0, "BigTIFF"},
      {string_view("MM\0+", 4), 0, "BigTIFF"},
      {string_view("\0\0\0\x0cJXL ", 8), 0, "JPEG XL"},
      {"\xff\x0a", 0, "JPEG XL"},
      {string_view("\0\0\0\x0cjP  ", 8), 0, "JPEG 2000"},
      {"\xff\x4f\xff\x51", 0, "JPEG 2000"},
      {"8BPS", 0, "Photoshop"},
      {"%PDF", 0, "PDF"},
      {string_view("\0\0\1\0", 4), 0, "ICO"},
      {"qoif", 0, "QOI"},
      {"\x76\x2f\x31\x01", 0, "OpenEXR"},
      {"ftypqt", 4, "QuickTime video"},
      {"ftyp", 4, "MP4 video"},
      {"\x1a\x45\xdf\xa3", 0, "Matroska or WebM video"},
  };
  for (const Magic& magic : kMagics)
    if (starts_with(file, magic.bytes, magic.at)) return &magic;
  return nullptr;
}

// What a text is that came in place of a picture; empty for any other file.
std::string other_text(Bytes file) {
  constexpr size_t kLooked = 1024;
  std::string start(reinterpret_cast<const char*>(file.data), std::min(file.size, kLooked));
  for (char& c : start) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const size_t first = start.find_first_not_of("\xef\xbb\xbf \t\r\n");
  const auto begins = [&](std::string_view with) {
    return first != std::string::npos && start.compare(first, with.size(), with) == 0;
  };
  if (begins("version https://git-lfs"))
    return "a Git LFS pointer, not the file it stands for (git lfs pull fetches it)";
  if (begins("<!doctype html") || begins("<html")) return "a web page (HTML), not a picture";
  const bool markup = begins("<?xml") || begins("<!") || begins("<svg");
  return markup && start.find("<svg") != std::string::npos ? std::string("SVG is not read; ") + kRead : "";
}

bool is_jpeg(Bytes file) {
  return starts_with(file, "\xff\xd8\xff");
}

bool is_pnm(Bytes file) {
  return file.size >= 2 && file.data[0] == 'P' && file.data[1] >= '1' && file.data[1] <= '7';
}

constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n");

[[noreturn]] void refuse_other(Bytes start) {
  if (start.size == 0) fail("an empty file");
  if (starts_with(start, "\x89PNG") && start.size < kPngSignature.size()) fail_truncated("PNG");
  if (starts_with(start, "\x89PNG")) fail("a damaged PNG (signature; a transfer as text changes it)");
  const Magic* const other = other_format(start);
  if (other != nullptr) fail(std::string(other->name) + " is not read; " + kRead);
  const std::string text = other_text(start);
  fail(text.empty() ? std::string("not a picture (") + kRead + " read)" : text);
}

#ifdef LEVIT_CODECS
bool is_webp(Bytes file) {
  return starts_with(file, "RIFF") && starts_with(file, "WEBP", 8);
}
#endif

#ifdef LEVIT_HEIF
// The name of what libheif reads; nullptr for any other.
const char* heif_name(Bytes file) {
  const Magic* const other = other_format(file);
  const bool picture = other != nullptr && other->at == 4 && other->bytes.size() > 6;
  return picture ? other->name : nullptr;
}
#endif

// Whether one of the decoders takes what begins so.
bool is_read(Bytes start) {
#ifdef LEVIT_CODECS
  if (is_webp(start)) return true;
#endif
#ifdef LEVIT_HEIF
  if (heif_name(start) != nullptr) return true;
#endif
  return starts_with(start, kPngSignature) || starts_with(start, "GIF8") || starts_with(start, "BM") ||
         is_pnm(start);
}

// Any format but JPEG, which comes by rows. Of other files no more is read than their beginning.
StoredPicture decode_whole(Source& source, SizeLimit limit) {
  if (!is_read(source.piece())) refuse_other(source.piece());
  const Bytes file = source.all();
  if (starts_with(file, kPngSignature)) return decode_png(file, limit);
  if (starts_with(file, "GIF8")) return decode_gif(file, limit);
  if (starts_with(file, "BM")) return decode_bmp(file, limit);
#ifdef LEVIT_CODECS
  if (is_webp(file)) return decode_webp(file, limit);
#endif
#ifdef LEVIT_HEIF
  if (const char* const name = heif_name(file)) return decode_heif(file, name, limit);
#endif
  return decode_pnm(file, limit);
}

SizeLimit limit_of(const PictureOptions& options) {
  return {options.largest_side, options.largest_area};
}

Picture read_picture(Source& source, const PictureOptions& options) {
  StoredPicture decoded;
  if (is_jpeg(source.piece())) {
    RowSink sink;
    sink.begin = [&decoded](size_t width, size_t height, const Metadata& metadata) {
      Picture& picture = decoded.picture;
      decoded.metadata = metadata;
      picture.pixels.reset(static_cast<uint8_t*>(allocate(3 * width * height)));
      if (picture.pixels == nullptr) throw std::bad_alloc();
      picture.width = width;
      picture.height = height;
      return picture.pixels.get();
    };
    decoded.picture.incomplete = decode_jpeg(source, limit_of(options), sink);
  } else {
    decoded = decode_whole(source, limit_of(options));
  }
  decoded.picture.says = std::move(decoded.metadata.says);
  if (options.ignore_orientation) return std::move(decoded.picture);
  return upright(std::move(decoded.picture), decoded.metadata.orientation);
}

// The rows of a picture on their way into the network's pixels.
class ViewBuilder {
 public:
  ViewBuilder(const PictureOptions& options, levit_resize resize, std::vector<uint8_t>& scratch, uint8_t* out)
      : context_(options.context),
        ignore_orientation_(options.ignore_orientation),
        resize_(resize),
        scratch_(scratch),
        out_(out) {}

  void begin(size_t width, size_t height, const Metadata& metadata) {
    const int orientation = ignore_orientation_ || metadata.orientation == 0 ? 1 : metadata.orientation;
    size_t bytes = 0;
    check(levit_rows_bytes(width, height, orientation, resize_, &bytes));
    if (scratch_.size() < bytes) scratch_.resize(bytes);
    check(levit_rows_begin(context_, width, height, orientation, resize_, scratch_.data(), scratch_.size(),
                           out_, &rows_));
    view_.width = orientation >= 5 ? height : width;
    view_.height = orientation >= 5 ? width : height;
    view_.says = metadata.says;
    stride_ = 3 * width;
  }

  void take(const uint8_t* rows, size_t count) { check(levit_rows_add(rows_, rows, stride_, count)); }

  Picture end(bool incomplete) {
    check(levit_rows_end(rows_));
    view_.incomplete = incomplete;
    return std::move(view_);
  }

 private:
  const levit_context* const context_;
  const bool ignore_orientation_;
  const levit_resize resize_;
  std::vector<uint8_t>& scratch_;
  uint8_t* const out_;
  levit_rows* rows_ = nullptr;
  size_t stride_ = 0;
  Picture view_;
};

Picture read_view(Source& source, const PictureOptions& options, levit_resize resize,
                  std::vector<uint8_t>& scratch, uint8_t* out) {
  ViewBuilder view(options, resize, scratch, out);
  if (is_jpeg(source.piece())) {
    RowSink sink;
    sink.begin = [&view](size_t width, size_t height, const Metadata& metadata) -> uint8_t* {
      view.begin(width, height, metadata);
      return nullptr;
    };
    sink.take = [&view](const uint8_t* rows, size_t count) { view.take(rows, count); };
    return view.end(decode_jpeg(source, limit_of(options), sink));
  }
  const StoredPicture decoded = decode_whole(source, limit_of(options));
  const Picture& picture = decoded.picture;
  view.begin(picture.width, picture.height, decoded.metadata);
  view.take(picture.pixels.get(), picture.height);
  return view.end(picture.incomplete);
}

// Runs what reads the file and puts its name in front of what is wrong with it.
template <typename Read>
Picture of_file(const std::string& path, Read read) {
  std::optional<Source> source;
  try {
    source.emplace(path);
    return read(*source);
  } catch (const std::bad_alloc&) {
    throw std::runtime_error(path + ": not enough memory for this picture");
  } catch (const TooLarge& error) {
    throw TooLarge(path + ": " + error.what());
  } catch (const std::runtime_error& error) {
    if (source && source->stopped()) throw Interrupted();
    throw std::runtime_error(path + ": " + error.what());
  }
}

}  // namespace

Picture upright(Picture stored, int orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  const size_t width = stored.width, height = stored.height;
  const bool transposed = orientation >= 5;
  // Where stored column x and row y go: mirrored or not, then swapped or not.
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Picture out = std::move(stored);
  const Buffer from = std::move(out.pixels);
  out.pixels.reset(static_cast<uint8_t*>(allocate(3 * width * height)));
  if (out.pixels == nullptr) throw std::bad_alloc();
  out.width = transposed ? height : width;
  out.height = transposed ? width : height;
  // In tiles, since one of the two pictures is walked across its rows.
  constexpr size_t kTile = 32;
  for (size_t tile_y = 0; tile_y < height; tile_y += kTile) {
    for (size_t tile_x = 0; tile_x < width; tile_x += kTile) {
      for (size_t y = tile_y; y < std::min(tile_y + kTile, height); ++y) {
        for (size_t x = tile_x; x < std::min(tile_x + kTile, width); ++x) {
          const size_t to_x = mirror_x ? width - 1 - x : x, to_y = mirror_y ? height - 1 - y : y;
          const size_t to = transposed ? to_x * out.width + to_y : to_y * out.width + to_x;
          std::memcpy(&out.pixels[3 * to], &from[3 * (y * width + x)], 3);
        }
      }
    }
  }
  return out;
}

Picture decode_picture(const uint8_t* file, size_t bytes, const PictureOptions& options) {
  Source source(Bytes{file, bytes});
  return read_picture(source, options);
}

Picture load_picture(const std::string& path, const PictureOptions& options) {
  return of_file(path, [&options](Source& source) { return read_picture(source, options); });
}

Picture decode_view(const uint8_t* file, size_t bytes, const PictureOptions& options, levit_resize resize,
                    std::vector<uint8_t>& scratch, uint8_t* out) {
  Source source(Bytes{file, bytes});
  return read_view(source, options, resize, scratch, out);
}

Picture load_view(const std::string& path, const PictureOptions& options, levit_resize resize,
                  std::vector<uint8_t>& scratch, uint8_t* out) {
  return of_file(path, [&](Source& source) { return read_view(source, options, resize, scratch, out); });
}

}  // namespace levit::tools
