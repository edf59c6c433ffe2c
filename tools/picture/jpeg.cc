// JPEG through libjpeg-turbo as Pillow drives it: the accurate inverse DCT, smooth upsampling of chroma, four
// components as inverted CMYK. libjpeg warns where others refuse (bytes between segments, no EOI, a missing
// restart marker) and goes on; the warnings that mean missing or wrong pixels make the picture incomplete.
#include "tools/picture/jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <new>
#include <vector>

// Each needs what stands above it.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

namespace levit::tools {
namespace {

// A scan of a few bytes makes the decoder walk all coefficients: a progressive JPEG of some kilobytes would
// take hours. Encoders write about ten.
constexpr int kMostScans = 100;
constexpr JDIMENSION kRows = 16;  // handed out at once

// Pillow's MULDIV255.
unsigned times_255th(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// Pillow takes four components for inverted CMYK whatever the file says, and multiplies with black.
void cmyk_to_rgb(const uint8_t* cmyk, size_t pixels, uint8_t* rgb) {
  for (size_t i = 0; i < pixels; ++i) {
    const unsigned light = cmyk[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      const unsigned ink = 255u - cmyk[4 * i + c], taken = times_255th(ink, light);
      rgb[3 * i + c] = static_cast<uint8_t>(light > taken ? light - taken : 0);
    }
  }
}

class JpegDecoder {
 public:
  explicit JpegDecoder(Source& source) : source_(source) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr jpeg) { std::longjmp(self(jpeg).jump_, 1); };
    errors_.emit_message = [](j_common_ptr jpeg, int level) {
      if (level < 0) self(jpeg).warn();
    };
    jpeg_.client_data = this;
    call([](JpegDecoder& d) { jpeg_create_decompress(&d.jpeg_); });
    reader_.init_source = [](j_decompress_ptr) {};
    reader_.fill_input_buffer = [](j_decompress_ptr jpeg) { return self(jpeg).fill(); };
    reader_.skip_input_data = [](j_decompress_ptr jpeg, long count) { self(jpeg).skip(count); };
    reader_.resync_to_restart = jpeg_resync_to_restart;
    reader_.term_source = [](j_decompress_ptr) {};
    reader_.next_input_byte = source.piece().data;
    reader_.bytes_in_buffer = source.piece().size;
    taken_ = source.piece().size;
    jpeg_.src = &reader_;
    monitor_.progress_monitor = [](j_common_ptr jpeg) { self(jpeg).watch_scan(); };
    jpeg_.progress = &monitor_;
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&jpeg_); }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  bool decode(SizeLimit limit, const RowSink& sink) {
    constexpr unsigned kTagBytes = 64;  // of a JUMBF box: what it is, not what it holds
    jpeg_save_markers(&jpeg_, JPEG_APP0 + 1, 0xffff);
    jpeg_save_markers(&jpeg_, JPEG_APP0 + 11, kTagBytes);
    jpeg_save_markers(&jpeg_, JPEG_COM, 0xffff);
    call([](JpegDecoder& d) { jpeg_read_header(&d.jpeg_, TRUE); });
    check_size(jpeg_.image_width, jpeg_.image_height, limit);
    const int components = jpeg_.num_components;
    if (components != 1 && components != 3 && components != 4)
      fail("a JPEG of " + std::to_string(components) + " components; 1, 3 and 4 are read");
    jpeg_.out_color_space = components == 4 ? JCS_CMYK : JCS_RGB;
    const Metadata metadata = read_markers();
    data_at_ = position();
    start();
    pass_rows(sink.begin(jpeg_.output_width, jpeg_.output_height, metadata), sink);
    return incomplete();
  }

 private:
  static JpegDecoder& self(void* jpeg) {
    return *static_cast<JpegDecoder*>(static_cast<j_common_ptr>(jpeg)->client_data);
  }

  // One step of libjpeg, which leaves it by longjmp when something is wrong. No frame that a jump leaves has
  // anything to destroy.
  bool attempt(void (*step)(JpegDecoder&)) {
    if (setjmp(jump_) != 0) return false;
    step(*this);
    return true;
  }
  void call(void (*step)(JpegDecoder&)) {
    if (!attempt(step)) refuse();
  }

  // Reads all scans of a JPEG of several. Where the file ends between two of them, inside a table, what came
  // before is shown: as if the end stood there.
  void start() {
    const auto step = [](JpegDecoder& d) { jpeg_start_decompress(&d.jpeg_); };
    if (attempt(step)) return;
    if (!ended_ || cause_ != nullptr || scanned_ == 0) refuse();
    wrong_ = true;
    jpeg_.unread_marker = JPEG_EOI;
    call(step);
  }

  [[noreturn]] void refuse() {
    if (!source_.problem().empty()) fail(source_.problem());
    if (cause_ != nullptr) fail(cause_);
    if (ended_) fail_truncated("JPEG");
    char text[JMSG_LENGTH_MAX];
    switch (errors_.msg_code) {
      case JERR_OUT_OF_MEMORY:
        throw std::bad_alloc();
      case JERR_EMPTY_IMAGE:
        fail("a picture without pixels");
      case JERR_BAD_PRECISION:
        fail("a JPEG of " + std::to_string(jpeg_.data_precision) + " bits; 8 are read");
      case JERR_SOF_UNSUPPORTED:
        fail("a JPEG of a kind that is not read (lossless or hierarchical)");
      case JERR_ARITH_NOTIMPL:
        fail("a JPEG of a kind that is not read (arithmetic coding)");
      case JERR_NO_IMAGE:
        fail("a damaged JPEG (no picture inside)");
      default:
        errors_.format_message(reinterpret_cast<j_common_ptr>(&jpeg_), text);
        fail(std::string("a damaged JPEG (") + text + ")");
    }
  }

  size_t position() const { return taken_ - reader_.bytes_in_buffer; }

  boolean fill() {
    static constexpr JOCTET kEnd[] = {0xff, JPEG_EOI};
    if (!source_.next()) std::longjmp(jump_, 1);
    Bytes piece = source_.piece();
    if (piece.size == 0) {
      if (data_at_ != 0 && position() == data_at_) cause_ = "a truncated JPEG (the file ends early)";
      if (cause_ != nullptr) std::longjmp(jump_, 1);
      ended_ = true;
      piece = {kEnd, sizeof(kEnd)};
    } else {
      taken_ += piece.size;
    }
    reader_.next_input_byte = piece.data;
    reader_.bytes_in_buffer = piece.size;
    return TRUE;
  }

  void skip(long count) {
    auto left = static_cast<size_t>(std::max(count, 0L));
    while (left > reader_.bytes_in_buffer) {
      left -= reader_.bytes_in_buffer;
      fill();
      if (ended_) return;
    }
    reader_.next_input_byte += left;
    reader_.bytes_in_buffer -= left;
  }

  void warn() {
    switch (errors_.msg_code) {
      case JWRN_HIT_MARKER:
        // Nothing but the marker behind the header of the first scan.
        if (data_at_ != 0 && position() <= data_at_ + 2) cause_ = "a damaged JPEG (a scan without data)";
        if (cause_ != nullptr) std::longjmp(jump_, 1);
        wrong_ = true;
        break;
      case JWRN_HUFF_BAD_CODE:
      case JWRN_ARITH_BAD_CODE:
      case JWRN_MUST_RESYNC:
        wrong_ = true;
        break;
      default:
        break;
    }
  }

  // Called by libjpeg between rows of blocks.
  void watch_scan() {
    for (int i = 0; i < jpeg_.comps_in_scan; ++i) {
      const jpeg_component_info* const component = jpeg_.cur_comp_info[i];
      if (component != nullptr) scanned_ |= 1u << component->component_index;
    }
    if (jpeg_.input_scan_number <= kMostScans) return;
    cause_ = "a JPEG of more than 100 scans, which would take too long";
    std::longjmp(jump_, 1);
  }

  Metadata read_markers() const {
    using std::string_view;
    static constexpr string_view kExif("Exif\0", 5), kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
    constexpr size_t kExifHeader = 6;
    Metadata metadata;
    bool exif = false;
    for (jpeg_saved_marker_ptr marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
      const Bytes body{marker->data, marker->data_length};
      if (marker->marker == JPEG_APP0 + 11) {
        read_jumbf(body, metadata);
      } else if (marker->marker == JPEG_COM) {
        read_comment(body, metadata);
      } else if (starts_with(body, kXmp)) {
        read_xmp({body.data + kXmp.size(), body.size - kXmp.size()}, metadata);
      } else if (starts_with(body, kExif) && body.size > kExifHeader && !exif) {
        exif = true;
        read_exif({body.data + kExifHeader, body.size - kExifHeader}, metadata);
      }
    }
    return metadata;
  }

  void pass_rows(uint8_t* whole, const RowSink& sink) {
    const size_t width = jpeg_.output_width, sample_bytes = static_cast<size_t>(jpeg_.output_components);
    std::vector<uint8_t> stored(sample_bytes == 4 || whole == nullptr ? kRows * width * sample_bytes : 0);
    std::vector<uint8_t> converted(sample_bytes == 4 && whole == nullptr ? kRows * width * 3 : 0);
    while (jpeg_.output_scanline < jpeg_.output_height) {
      uint8_t* const out = whole != nullptr    ? whole + jpeg_.output_scanline * width * 3
                           : sample_bytes == 4 ? converted.data()
                                               : stored.data();
      uint8_t* const rows = sample_bytes == 4 ? stored.data() : out;
      wanted_ = std::min(kRows, jpeg_.output_height - jpeg_.output_scanline);
      for (JDIMENSION i = 0; i < wanted_; ++i) rows_[i] = rows + i * width * sample_bytes;
      call([](JpegDecoder& d) {
        for (JDIMENSION got = 0; got < d.wanted_;)
          got += jpeg_read_scanlines(&d.jpeg_, d.rows_ + got, d.wanted_ - got);
      });
      if (sample_bytes == 4) cmyk_to_rgb(stored.data(), wanted_ * width, out);
      if (whole == nullptr) sink.take(out, wanted_);
    }
  }

  // All rows were handed out; were all of them in the file?
  bool incomplete() const {
    if (wrong_ || (ended_ && jpeg_.arith_code)) return true;  // the arithmetic decoder does not warn
    if (scanned_ != (1u << jpeg_.num_components) - 1) return true;
    if (!jpeg_.progressive_mode || jpeg_.coef_bits == nullptr) return false;
    // Where scans of the lowest frequencies are missing libjpeg makes these up, also in front of an end.
    constexpr int kGuessed = 10;
    const int looked = ended_ ? DCTSIZE2 : kGuessed;
    for (int c = 0; c < jpeg_.num_components; ++c)
      for (int k = 0; k < looked; ++k)
        if (jpeg_.coef_bits[c][k] != 0) return true;
    return false;
  }

  Source& source_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_source_mgr reader_{};
  jpeg_progress_mgr monitor_{};
  std::jmp_buf jump_;
  const char* cause_ = nullptr;  // of a refusal that is not libjpeg's
  size_t taken_ = 0;             // bytes of the pieces so far
  size_t data_at_ = 0;           // where the data of the first scan begin
  unsigned scanned_ = 0;         // components that some scan holds, as bits
  bool ended_ = false;           // the file ended before EOI
  bool wrong_ = false;           // a warning that costs pixels
  JSAMPROW rows_[kRows] = {};
  JDIMENSION wanted_ = 0;
};

}  // namespace

bool decode_jpeg(Source& source, SizeLimit limit, const RowSink& sink) {
  return JpegDecoder(source).decode(limit, sink);
}

}  // namespace levit::tools
