// libheif reports what is wrong with a file in its own words; they are passed on behind a cause of ours, so
// that a file that ends early, a damaged one, and one of a codec that this libheif lacks are told apart.
#include "tools/picture/heif.h"

#include <libheif/heif.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace levit::tools {
namespace {

struct Release {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(heif_image* image) const { heif_image_release(image); }
  void operator()(heif_decoding_options* options) const { heif_decoding_options_free(options); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

constexpr size_t kBoxHeader = 8, kLargeBoxHeader = 16, kUuidBytes = 16;

class HeifReader {
 public:
  HeifReader(Bytes file, const std::string& name, SizeLimit limit)
      : file_(file), name_(name), limit_(limit) {}

  StoredPicture run() {
    read_boxes();
    open();
    check_sizes();
    read_metadata();
    StoredPicture decoded;
    decoded.picture = decode();
    decoded.metadata = std::move(metadata_);
    decoded.metadata.orientation = 0;
    return decoded;
  }

 private:
  // The outermost boxes: whether the file ends inside one, and whether one is a C2PA manifest (C2PA 2.1, A.5:
  // a box `uuid`; behind its UUID a version, a purpose, an offset, and JUMBF).
  void read_boxes() {
    for (size_t at = 0; at < file_.size;) {
      const size_t room = file_.size - at;
      cut_ = true;
      if (room < kBoxHeader) return;
      const Bytes box{file_.data + at, room};
      uint64_t size = big_endian(box.data, 4);
      size_t header = kBoxHeader;
      if (size == 1) {
        if (room < kLargeBoxHeader) return;
        header = kLargeBoxHeader;
        size = uint64_t{big_endian(box.data + 8, 4)} << 32 | big_endian(box.data + 12, 4);
      }
      if (size > room) return;
      cut_ = false;
      if (size < header) return;  // 0: up to the file's end; else damaged, which libheif tells
      const auto body = static_cast<size_t>(size) - header;
      if (starts_with(box, "uuid", 4) && body > kUuidBytes)
        read_jumbf({box.data + header + kUuidBytes, body - kUuidBytes}, metadata_);
      at += static_cast<size_t>(size);
    }
  }

  void open() {
    static const heif_error started = heif_init(nullptr);  // once, and never undone: threads share it
    check(started);
    context_.reset(heif_context_alloc());
    if (context_ == nullptr) throw std::bad_alloc();
    heif_context_set_max_decoding_threads(context_.get(), 0);  // pictures are what runs in parallel
    // No pixel is touched while boxes are read; the limits that count are checked next.
    heif_context_set_maximum_image_size_limit(context_.get(), std::numeric_limits<int>::max());
    check(heif_context_read_from_memory_without_copy(context_.get(), file_.data, file_.size, nullptr));
    heif_image_handle* handle = nullptr;
    check(heif_context_get_primary_image_handle(context_.get(), &handle));
    handle_.reset(handle);
  }

  void check_sizes() {
    const heif_image_handle* const handle = handle_.get();
    // As shown, and as coded: a picture may be cropped to a small part of what is to be decoded.
    const int sizes[2][2] = {
        {heif_image_handle_get_width(handle), heif_image_handle_get_height(handle)},
        {heif_image_handle_get_ispe_width(handle), heif_image_handle_get_ispe_height(handle)}};
    int side = 0;
    for (const auto& size : sizes) {
      for (const int length : size) side = std::max(side, length);
      check_size(unsigned_size(size[0]), unsigned_size(size[1]), limit_);
    }
    // A grid of tiles has a size of its own, which libheif holds against this limit.
    heif_context_set_maximum_image_size_limit(context_.get(), side + 1);
  }

  // A size beyond int arrives as a negative one.
  static uint64_t unsigned_size(int size) { return static_cast<uint32_t>(size); }

  void read_metadata() {
    const int count = heif_image_handle_get_number_of_metadata_blocks(handle_.get(), nullptr);
    std::vector<heif_item_id> ids(static_cast<size_t>(std::max(count, 0)));
    heif_image_handle_get_list_of_metadata_block_IDs(handle_.get(), nullptr, ids.data(), count);
    for (const heif_item_id id : ids) {
      std::vector<uint8_t> data(heif_image_handle_get_metadata_size(handle_.get(), id));
      if (data.empty() ||
          heif_image_handle_get_metadata(handle_.get(), id, data.data()).code != heif_error_Ok)
        continue;
      const std::string type = heif_image_handle_get_metadata_type(handle_.get(), id);
      const std::string content = heif_image_handle_get_metadata_content_type(handle_.get(), id);
      if (type == "Exif") read_exif_item({data.data(), data.size()});
      if (content == "application/rdf+xml") read_xmp({data.data(), data.size()}, metadata_);
    }
  }

  // ISO/IEC 23008-12, A.2.1: four bytes say how far behind them the TIFF stream begins.
  void read_exif_item(Bytes item) {
    if (item.size < 4) return;
    const size_t skip = big_endian(item.data, 4);
    if (skip <= item.size - 4) read_exif({item.data + 4 + skip, item.size - 4 - skip}, metadata_);
  }

  Picture decode() {
    const Owned<heif_decoding_options> options(heif_decoding_options_alloc());
    if (options == nullptr) throw std::bad_alloc();
    options->convert_hdr_to_8bit = 1;
    heif_image* decoded = nullptr;
    // Without alpha in the output, libheif drops it and keeps the colours as they are.
    check(heif_decode_image(handle_.get(), &decoded, heif_colorspace_RGB, heif_chroma_interleaved_RGB,
                            options.get()));
    const Owned<heif_image> image(decoded);
    int stride = 0;
    const uint8_t* const rows = heif_image_get_plane_readonly(image.get(), heif_channel_interleaved, &stride);
    const int width = heif_image_get_width(image.get(), heif_channel_interleaved);
    const int height = heif_image_get_height(image.get(), heif_channel_interleaved);
    if (rows == nullptr || width <= 0 || height <= 0) fail("a damaged " + name_ + " (no pixels)");
    // The coded picture's own size, which need not be the one that its box says.
    check_size(unsigned_size(width), unsigned_size(height), limit_);
    Picture picture = black_picture(static_cast<size_t>(width), static_cast<size_t>(height));
    const size_t row_bytes = 3 * picture.width;
    for (size_t y = 0; y < picture.height; ++y)
      std::memcpy(&picture.pixels[y * row_bytes], rows + y * static_cast<size_t>(stride), row_bytes);
    return picture;
  }

  void check(const heif_error& error) const {
    if (error.code == heif_error_Ok) return;
    if (cut_) fail_truncated(name_.c_str());
    std::string words = error.message;
    while (!words.empty() && std::strchr(" :\n", words.back()) != nullptr) words.pop_back();
    const std::string told = name_ + " (libheif: " + words + ")";
    if (error.subcode == heif_suberror_Security_limit_exceeded) throw TooLarge("too large: a " + told);
    if (error.code == heif_error_Memory_allocation_error) throw std::bad_alloc();
    if (error.code == heif_error_Unsupported_feature || error.code == heif_error_Unsupported_filetype)
      fail("an unsupported " + told);
    // Pictures of codecs that libheif does not know are none to it.
    if (error.subcode == heif_suberror_Nonexisting_item_referenced) fail("an unsupported or damaged " + told);
    // Boxes point beyond the file's end, or beyond their own.
    if (error.subcode == heif_suberror_End_of_data || error.subcode == heif_suberror_No_meta_box)
      fail("a truncated or damaged " + told);
    fail("a damaged " + told);
  }

  Bytes file_;
  std::string name_;
  SizeLimit limit_;
  bool cut_ = false;  // the file ends inside a box
  Metadata metadata_;
  Owned<heif_context> context_;
  Owned<heif_image_handle> handle_;
};

}  // namespace

StoredPicture decode_heif(Bytes file, const std::string& name, SizeLimit limit) {
  return HeifReader(file, name, limit).run();
}

}  // namespace levit::tools
