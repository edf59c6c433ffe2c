#include "tools/picture/webp.h"

#include <webp/decode.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace levit::tools {
namespace {

constexpr size_t kRiffHeader = 12, kChunkHeader = 8;
constexpr size_t kFrameHeader = 16;  // of ANMF: place and size in pixels, duration, flags

// Where a picture's own chunks lie, and where its pixels go.
struct Frame {
  Bytes chunks{nullptr, 0};
  size_t left = 0, top = 0, width = 0, height = 0;
};

struct IncrementalDeleter {
  void operator()(WebPIDecoder* decoder) const { WebPIDelete(decoder); }
};

class WebpReader {
 public:
  WebpReader(Bytes file, SizeLimit limit) : file_(file), limit_(limit) {}

  StoredPicture run() {
    WebPBitstreamFeatures features;
    const VP8StatusCode status = WebPGetFeatures(file_.data, file_.size, &features);
    if (status == VP8_STATUS_NOT_ENOUGH_DATA) fail_truncated("WebP");
    if (status != VP8_STATUS_OK) fail("a damaged WebP (header)");
    const auto width = static_cast<size_t>(features.width), height = static_cast<size_t>(features.height);
    check_size(width, height, limit_);
    Frame frame{file_, 0, 0, width, height};
    read_chunks(features.has_animation != 0 ? &frame : nullptr);
    picture_ = black_picture(width, height);
    draw(frame);
    StoredPicture decoded;
    decoded.picture = std::move(picture_);
    decoded.metadata = std::move(metadata_);
    return decoded;
  }

 private:
  // Metadata; and, of an animation, its first frame. Chunks that the file does not hold whole are passed
  // over.
  void read_chunks(Frame* first_frame) {
    bool found = false;
    for (size_t at = kRiffHeader; at < file_.size && file_.size - at >= kChunkHeader;) {
      const size_t claimed = little_endian(file_.data + at + 4, 4), room = file_.size - at - kChunkHeader;
      const Bytes type{file_.data + at, 4}, body{type.data + kChunkHeader, std::min(claimed, room)};
      if (starts_with(type, "ANMF") && first_frame != nullptr && !found) {
        found = true;
        read_frame(body, *first_frame);
      }
      if (claimed > room) break;
      if (starts_with(type, "EXIF")) {
        const size_t skip = starts_with(body, std::string_view("Exif\0\0", 6)) ? 6 : 0;
        read_exif({body.data + skip, body.size - skip}, metadata_);
      }
      if (starts_with(type, "XMP ")) read_xmp(body, metadata_);
      if (starts_with(type, "C2PA")) read_jumbf(body, metadata_);
      at += kChunkHeader + claimed + claimed % 2;
    }
    if (first_frame != nullptr && !found) fail_truncated("WebP");
  }

  void read_frame(Bytes body, Frame& frame) {
    if (body.size < kFrameHeader) fail_truncated("WebP");
    const size_t left = 2 * size_t{little_endian(body.data, 3)},
                 top = 2 * size_t{little_endian(body.data + 3, 3)};
    const size_t width = size_t{little_endian(body.data + 6, 3)} + 1,
                 height = size_t{little_endian(body.data + 9, 3)} + 1;
    if (left + width > frame.width || top + height > frame.height)
      fail("a damaged WebP (a frame outside of the picture)");
    frame = {{body.data + kFrameHeader, body.size - kFrameHeader}, left, top, width, height};
  }

  void draw(const Frame& frame) {
    WebPDecoderConfig config;
    if (WebPInitDecoderConfig(&config) == 0) fail("a libwebp of another version");
    const VP8StatusCode status = WebPGetFeatures(frame.chunks.data, frame.chunks.size, &config.input);
    if (status == VP8_STATUS_NOT_ENOUGH_DATA) fail_truncated("WebP");
    if (status != VP8_STATUS_OK) fail("a damaged WebP (header of a frame)");
    if (static_cast<size_t>(config.input.width) != frame.width ||
        static_cast<size_t>(config.input.height) != frame.height)
      fail("a damaged WebP (two sizes)");
    const size_t stride = 3 * picture_.width;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = picture_.pixels.get() + frame.top * stride + 3 * frame.left;
    config.output.u.RGBA.stride = static_cast<int>(stride);
    config.output.u.RGBA.size = (frame.height - 1) * stride + 3 * frame.width;
    // Row by row as far as the data go.
    const std::unique_ptr<WebPIDecoder, IncrementalDeleter> decoder(WebPIDecode(nullptr, 0, &config));
    if (decoder == nullptr) throw std::bad_alloc();
    switch (WebPIUpdate(decoder.get(), frame.chunks.data, frame.chunks.size)) {
      case VP8_STATUS_OK:
        return;
      case VP8_STATUS_SUSPENDED:
      case VP8_STATUS_NOT_ENOUGH_DATA: {
        int rows = 0;
        if (WebPIDecGetRGB(decoder.get(), &rows, nullptr, nullptr, nullptr) == nullptr || rows <= 0)
          fail_truncated("WebP");
        picture_.incomplete = true;
        return;
      }
      case VP8_STATUS_OUT_OF_MEMORY:
        throw std::bad_alloc();
      default:
        fail("a damaged WebP (its data)");
    }
  }

  Bytes file_;
  SizeLimit limit_;
  Picture picture_;
  Metadata metadata_;
};

}  // namespace

StoredPicture decode_webp(Bytes file, SizeLimit limit) {
  return WebpReader(file, limit).run();
}

}  // namespace levit::tools
