// Goldens: tests/data/preprocess, made by Pillow 9.4; every byte must agree.
#include "runtime/preprocess.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "levit.h"
#include "runtime/context.h"
#include "tests/runtime/goldens.h"
#include "tests/support/npy.h"
#include "tests/support/seeded.h"
#include "tools/picture/picture.h"

namespace {

using levit::tests::data_path;
using levit::tests::load_json;
using levit::tools::load_picture;
using levit::tools::Picture;

constexpr size_t kOutBytes = size_t{3} * LEVIT_SIDE * LEVIT_SIDE;

std::vector<uint8_t> preprocess(const levit_image& image, levit_resize resize) {
  size_t bytes = 0;
  REQUIRE(levit_preprocess_bytes(image.width, image.height, resize, &bytes) == LEVIT_OK);
  std::vector<uint8_t> scratch(bytes, 0xa5), out(kOutBytes);
  REQUIRE(levit_preprocess(nullptr, &image, resize, scratch.data(), bytes, out.data()) == LEVIT_OK);
  return out;
}

// Bytes that differ.
size_t differences(const std::vector<uint8_t>& got, const std::string& golden) {
  const Picture expected = load_picture(data_path("preprocess/" + golden));
  REQUIRE(expected.width == LEVIT_SIDE);
  REQUIRE(expected.height == LEVIT_SIDE);
  size_t count = 0;
  for (size_t i = 0; i < kOutBytes; ++i) count += got[i] != expected.pixels[i];
  return count;
}

}  // namespace

TEST_CASE("every picture of the goldens is resized as Pillow does") {
  const nlohmann::json sizes = load_json("preprocess/sizes.json");
  REQUIRE(sizes.size() == 18);
  for (const auto& item : sizes.items()) {
    const std::string& name = item.key();
    const nlohmann::json& size = item.value();
    CAPTURE(name);
    const Picture source = load_picture(data_path("preprocess/" + name + "/source.png"));
    REQUIRE(source.width == size["width"]);
    REQUIRE(source.height == size["height"]);
    CHECK(differences(preprocess(source.image(), LEVIT_RESIZE_SQUASH), name + "/squash.png") == 0);
    CHECK(differences(preprocess(source.image(), LEVIT_RESIZE_TIMM), name + "/timm.png") == 0);

    using levit::runtime::Filter;
    const levit::runtime::Geometry bicubic{{Filter::kBicubic, source.width, LEVIT_SIDE, 0},
                                           {Filter::kBicubic, source.height, LEVIT_SIDE, 0}};
    std::vector<uint8_t> scratch(levit::runtime::rows_bytes(bicubic, 1)), out(kOutBytes);
    levit::runtime::add_rows(*levit::runtime::begin_rows(levit::runtime::dispatch_of(nullptr), bicubic, 1,
                                                         scratch.data(), out.data()),
                             source.pixels.get(), 3 * source.width, source.height);
    CHECK(differences(out, name + "/bicubic.png") == 0);

    const auto timm = levit::runtime::geometry(source.width, source.height, LEVIT_RESIZE_TIMM);
    CHECK(timm.x.out == size["timm_resized"][0]);
    CHECK(timm.y.out == size["timm_resized"][1]);
    CHECK(timm.x.offset == size["timm_offset"][0]);
    CHECK(timm.y.offset == size["timm_offset"][1]);
  }
}

namespace {

// The three transforms again, in plain double precision over whole pictures with no window, no scratch and no
// bound: "Pillow's resize, bit for bit" of tests/data/preprocess/README.md.
using Rgb = std::vector<uint8_t>;

double filter_value(bool cubic, double x) {
  x = std::abs(x);
  if (!cubic) return x < 1 ? 1 - x : 0;
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

// Resizes along the second axis of [outer, in, inner]; positions [offset, offset + 224) of `out`.
Rgb resize_axis(const Rgb& from, size_t outer, size_t in, size_t inner, size_t out, size_t offset,
                bool cubic) {
  const double scale = static_cast<double>(in) / static_cast<double>(out), stretch = std::max(scale, 1.0);
  const double support = (cubic ? 2 : 1) * stretch;
  Rgb to(outer * LEVIT_SIDE * inner);
  for (size_t x = 0; x < LEVIT_SIDE; ++x) {
    const double middle = (static_cast<double>(x + offset) + 0.5) * scale;
    const auto first = static_cast<size_t>(std::max(std::trunc(middle - support + 0.5), 0.0));
    const auto last =
        static_cast<size_t>(std::min(std::trunc(middle + support + 0.5), static_cast<double>(in)));
    std::vector<double> weights;
    double sum = 0;
    for (size_t i = first; i < last; ++i) {
      weights.push_back(filter_value(cubic, (static_cast<double>(i) - middle + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    for (double& weight : weights)
      weight = std::trunc(weight / sum * 4194304.0 + (weight / sum < 0 ? -0.5 : 0.5));
    for (size_t o = 0; o < outer; ++o) {
      for (size_t c = 0; c < inner; ++c) {
        double total = 2097152;
        for (size_t i = first; i < last; ++i) total += weights[i - first] * from[(o * in + i) * inner + c];
        to[(o * LEVIT_SIDE + x) * inner + c] =
            static_cast<uint8_t>(std::clamp(std::floor(total / 4194304), 0.0, 255.0));
      }
    }
  }
  return to;
}

Rgb plain_preprocess(const Rgb& rgb, size_t width, size_t height, levit_resize resize) {
  const bool cubic = resize != LEVIT_RESIZE_SQUASH;
  size_t out_width = LEVIT_SIDE, out_height = LEVIT_SIDE;
  if (cubic) {
    const size_t side = resize == LEVIT_RESIZE_TIMM ? 248 : 256;
    out_width = width <= height ? side : side * width / height;
    out_height = width <= height ? side * height / width : side;
  }
  // torchvision rounds halves to even, as nearbyint does; Hugging Face divides with //.
  const auto offset = [resize](size_t out) {
    const size_t rest = out - LEVIT_SIDE;
    return resize == LEVIT_RESIZE_HF ? rest / 2
                                     : static_cast<size_t>(std::nearbyint(static_cast<double>(rest) / 2));
  };
  const size_t left = offset(out_width), top = offset(out_height);
  const Rgb rows = resize_axis(rgb, height, width, 3, out_width, left, cubic);
  return resize_axis(rows, 1, height, 3 * LEVIT_SIDE, out_height, top, cubic);
}

Rgb noise(size_t count, const std::string& name) {
  const std::vector<double> uniform = levit::tests::uniform(name, count);
  Rgb bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(std::floor((uniform[i] + 1) * 128));
  return bytes;
}

constexpr levit_resize kResizes[] = {LEVIT_RESIZE_SQUASH, LEVIT_RESIZE_TIMM, LEVIT_RESIZE_HF};

struct Size {
  size_t width, height;
};

}  // namespace

TEST_CASE("pictures of many shapes are resized as the plain formula says, in all modes") {
  for (const Size s : {Size{1, 1},
                       {1, 2},
                       {2, 1},
                       {3, 1},
                       {1, 7},
                       {5, 4},
                       {6, 31},
                       {32, 32},
                       {223, 224},
                       {224, 1},
                       {248, 248},
                       {256, 256},
                       {256, 300},
                       {249, 248},
                       {251, 600},
                       {700, 9},
                       {17, 900},
                       {333, 415}}) {
    const Rgb rgb = noise(3 * s.width * s.height, std::to_string(s.width) + "x" + std::to_string(s.height));
    for (const levit_resize resize : kResizes) {
      CAPTURE(s.width);
      CAPTURE(s.height);
      CAPTURE(resize);
      const levit_image image{rgb.data(), s.width, s.height, 3 * s.width};
      CHECK(preprocess(image, resize) == plain_preprocess(rgb, s.width, s.height, resize));
    }
  }
}

namespace {

// The upright picture of stored rows.
Rgb turned(const Rgb& stored, size_t width, size_t height, int orientation) {
  Picture picture;
  picture.pixels.reset(static_cast<uint8_t*>(std::malloc(stored.size())));
  std::copy(stored.begin(), stored.end(), picture.pixels.get());
  picture.width = width;
  picture.height = height;
  const Picture out = levit::tools::upright(std::move(picture), orientation);
  return {out.pixels.get(), out.pixels.get() + stored.size()};
}

// The view of a picture that comes in pieces of `step` rows, each in memory of exactly its size.
Rgb view_by_rows(const Rgb& stored, size_t width, size_t height, int orientation, levit_resize resize,
                 size_t step) {
  size_t bytes = 0;
  REQUIRE(levit_rows_bytes(width, height, orientation, resize, &bytes) == LEVIT_OK);
  Rgb scratch(bytes, 0xa5), out(kOutBytes, 0x5a);
  levit_rows* rows = nullptr;
  REQUIRE(levit_rows_begin(nullptr, width, height, orientation, resize, scratch.data(), bytes, out.data(),
                           &rows) == LEVIT_OK);
  for (size_t y = 0; y < height; y += step) {
    const size_t count = std::min(step, height - y);
    const Rgb piece(&stored[y * 3 * width], &stored[y * 3 * width] + count * 3 * width);
    REQUIRE(levit_rows_add(rows, piece.data(), 3 * width, count) == LEVIT_OK);
  }
  CHECK(levit_rows_end(rows) == LEVIT_OK);
  return out;
}

}  // namespace

TEST_CASE("rows in pieces of any size and every orientation give the view of the whole upright picture") {
  for (const Size s : {Size{1, 1},
                       {3, 1},
                       {5, 4},
                       {6, 31},
                       {223, 224},
                       {225, 226},
                       {240, 257},
                       {256, 300},
                       {251, 600},
                       {700, 9},
                       {17, 900},
                       {333, 415}}) {
    const Rgb rgb = noise(3 * s.width * s.height, "rows" + std::to_string(s.width));
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const Rgb upright = turned(rgb, s.width, s.height, orientation);
      const size_t width = orientation >= 5 ? s.height : s.width;
      const size_t height = orientation >= 5 ? s.width : s.height;
      for (const levit_resize resize : kResizes) {
        CAPTURE(s.width);
        CAPTURE(s.height);
        CAPTURE(orientation);
        CAPTURE(resize);
        const Rgb expected = plain_preprocess(upright, width, height, resize);
        for (const size_t step : {size_t{1}, size_t{3}, size_t{16}, s.height})
          CHECK(view_by_rows(rgb, s.width, s.height, orientation, resize, step) == expected);
      }
    }
  }
}

TEST_CASE("rows that are missing, wrong arguments and a scratch one byte short are refused") {
  Rgb rgb = noise(3 * 20 * 30, "rows refused"), out(kOutBytes);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    size_t bytes = 0;
    REQUIRE(levit_rows_bytes(20, 30, orientation, LEVIT_RESIZE_SQUASH, &bytes) == LEVIT_OK);
    Rgb scratch(bytes);
    levit_rows* rows = nullptr;
    const auto begin = [&](size_t given) {
      return levit_rows_begin(nullptr, 20, 30, orientation, LEVIT_RESIZE_SQUASH, scratch.data(), given,
                              out.data(), &rows);
    };
    CHECK(begin(bytes - 1) == LEVIT_ARENA);
    REQUIRE(begin(bytes) == LEVIT_OK);
    CHECK(levit_rows_add(rows, rgb.data(), 60, 29) == LEVIT_OK);
    CHECK(levit_rows_end(rows) == LEVIT_IMAGE);
    CHECK(levit_rows_add(rows, nullptr, 60, 1) == LEVIT_ARGUMENT);
    CHECK(levit_rows_add(rows, &rgb[29 * 60], 60, 1) == LEVIT_OK);
    CHECK(levit_rows_end(rows) == LEVIT_OK);
    const Rgb complete = out;
    CHECK(levit_rows_add(rows, rgb.data(), 60, 30) == LEVIT_OK);  // below the picture
    CHECK(out == complete);
  }
  size_t bytes = 0;
  levit_rows* rows = nullptr;
  for (const int orientation : {-1, 0, 9})
    CHECK(levit_rows_bytes(20, 30, orientation, LEVIT_RESIZE_HF, &bytes) == LEVIT_ARGUMENT);
  CHECK(levit_rows_bytes(20, 30, 1, LEVIT_RESIZE_HF, nullptr) == LEVIT_ARGUMENT);
  CHECK(levit_rows_bytes(0, 30, 1, LEVIT_RESIZE_HF, &bytes) == LEVIT_IMAGE);
  CHECK(levit_rows_begin(nullptr, 20, 30, 1, LEVIT_RESIZE_HF, nullptr, 1, out.data(), &rows) ==
        LEVIT_ARGUMENT);
  CHECK(levit_rows_add(nullptr, rgb.data(), 60, 1) == LEVIT_ARGUMENT);
  CHECK(levit_rows_end(nullptr) == LEVIT_ARGUMENT);
}

TEST_CASE("a picture that has the size already is cropped and not changed") {
  for (const size_t side : std::initializer_list<size_t>{224, 248, 256}) {
    const Rgb rgb = noise(3 * side * side, "identity");
    const levit_image image{rgb.data(), side, side, 3 * side};
    const levit_resize resize = side == 224   ? LEVIT_RESIZE_SQUASH
                                : side == 248 ? LEVIT_RESIZE_TIMM
                                              : LEVIT_RESIZE_HF;
    const Rgb out = preprocess(image, resize);
    const size_t border = (side - LEVIT_SIDE) / 2;
    bool same = true;
    for (size_t y = 0; y < LEVIT_SIDE; ++y)
      same = same && std::equal(&out[y * 3 * LEVIT_SIDE], &out[y * 3 * LEVIT_SIDE] + 3 * LEVIT_SIDE,
                                &rgb[3 * ((y + border) * side + border)]);
    CHECK(same);
  }
}

TEST_CASE("the row stride may be longer than a row, and scratch may lie anywhere and hold anything") {
  const size_t width = 37, height = 290, stride = 3 * width + 11;
  const Rgb wide = noise(height * stride, "stride");
  Rgb dense;
  for (size_t y = 0; y < height; ++y)
    dense.insert(dense.end(), &wide[y * stride], &wide[y * stride] + 3 * width);
  // The last row ends with its pixels, not with its stride.
  const Rgb exact(wide.begin(), wide.end() - 11);
  for (const levit_resize resize : kResizes) {
    const Rgb expected = preprocess({dense.data(), width, height, 3 * width}, resize);
    CHECK(preprocess({exact.data(), width, height, stride}, resize) == expected);
    size_t bytes = 0;
    REQUIRE(levit_preprocess_bytes(width, height, resize, &bytes) == LEVIT_OK);
    const levit_image image{dense.data(), width, height, 3 * width};
    for (size_t offset = 0; offset < 64; offset += 7) {
      Rgb scratch(offset + bytes + 64, static_cast<uint8_t>(offset)), out(kOutBytes);
      CHECK(levit_preprocess(nullptr, &image, resize, scratch.data() + offset, bytes, out.data()) ==
            LEVIT_OK);
      CHECK(out == expected);
      CHECK(std::all_of(scratch.begin(), scratch.begin() + static_cast<ptrdiff_t>(offset),
                        [&](uint8_t b) { return b == static_cast<uint8_t>(offset); }));
      CHECK(std::all_of(scratch.end() - 64, scratch.end(),
                        [&](uint8_t b) { return b == static_cast<uint8_t>(offset); }));
    }
  }
}

TEST_CASE("scratch one byte short, missing arguments and impossible sizes are refused") {
  const Rgb rgb = noise(3 * 20 * 30, "refused");
  const levit_image image{rgb.data(), 20, 30, 60};
  Rgb out(kOutBytes);
  for (const levit_resize resize : kResizes) {
    size_t bytes = 0;
    REQUIRE(levit_preprocess_bytes(20, 30, resize, &bytes) == LEVIT_OK);
    Rgb scratch(bytes);
    CHECK(levit_preprocess(nullptr, &image, resize, scratch.data(), bytes - 1, out.data()) == LEVIT_ARENA);
    CHECK(levit_preprocess(nullptr, &image, resize, scratch.data(), 0, out.data()) == LEVIT_ARENA);
    CHECK(levit_preprocess(nullptr, nullptr, resize, scratch.data(), bytes, out.data()) == LEVIT_ARGUMENT);
    CHECK(levit_preprocess(nullptr, &image, resize, nullptr, bytes, out.data()) == LEVIT_ARGUMENT);
    CHECK(levit_preprocess(nullptr, &image, resize, scratch.data(), bytes, nullptr) == LEVIT_ARGUMENT);
    for (const levit_image& bad : {levit_image{nullptr, 20, 30, 60}, levit_image{rgb.data(), 20, 30, 59},
                                   levit_image{rgb.data(), 0, 30, 60}, levit_image{rgb.data(), 20, 0, 60}}) {
      const levit_status expected = bad.pixels == nullptr ? LEVIT_ARGUMENT : LEVIT_IMAGE;
      CHECK(levit_preprocess(nullptr, &bad, resize, scratch.data(), bytes, out.data()) == expected);
    }
    levit_window window;
    CHECK(levit_preprocess_window(0, 1, resize, &window) == LEVIT_IMAGE);
    CHECK(levit_preprocess_window(1, 1, resize, nullptr) == LEVIT_ARGUMENT);
    CHECK(levit_preprocess_bytes(1, 0, resize, &bytes) == LEVIT_IMAGE);
    CHECK(levit_preprocess_bytes(1, 1, resize, nullptr) == LEVIT_ARGUMENT);
    constexpr size_t kHuge = size_t{1} << 31;
    for (const size_t huge :
         {kHuge, static_cast<size_t>(uint64_t{1} << 40 | kHuge), SIZE_MAX / 3 | kHuge, SIZE_MAX}) {
      CHECK(levit_preprocess_bytes(huge, 1, resize, &bytes) == LEVIT_ARGUMENT);
      CHECK(levit_preprocess_bytes(1, huge, resize, &bytes) == LEVIT_ARGUMENT);
      const levit_image too_large{rgb.data(), huge, huge, SIZE_MAX};
      CHECK(levit_preprocess(nullptr, &too_large, resize, scratch.data(), scratch.size(), out.data()) ==
            LEVIT_ARGUMENT);
    }
  }
  size_t bytes = 0;
  CHECK(levit_preprocess_bytes(1, 1, static_cast<levit_resize>(3), &bytes) == LEVIT_ARGUMENT);
}

// One weight of four bytes for each of the two (bilinear) or four (bicubic) output positions around a source
// pixel, sixteen bytes of it in the block, and rows of the ring for as many source rows as one output row
// sums: that is all there is.
TEST_CASE(
    "scratch grows with a side, never with the area, and long thin pictures need no more than square ones") {
  const auto bytes_of = [](size_t width, size_t height, levit_resize resize) {
    size_t bytes = 0;
    REQUIRE(levit_preprocess_bytes(width, height, resize, &bytes) == LEVIT_OK);
    return bytes;
  };
  const size_t side = 65535;
  for (const levit_resize resize : kResizes) {
    const size_t square = bytes_of(side, side, resize);
    CHECK(square < side * 64);
    CHECK(bytes_of(1, side, resize) <= square);
    CHECK(bytes_of(side, 1, resize) <= square);
    for (int orientation = 1; orientation <= 8; ++orientation) {  // with sums of 32 bits when turned
      size_t bytes = 0;
      REQUIRE(levit_rows_bytes(side, side, orientation, resize, &bytes) == LEVIT_OK);
      CHECK(bytes < side * 180);
    }
  }
  CHECK(bytes_of(1, side, LEVIT_RESIZE_TIMM) <
        16384);  // 224 rows of 16 million are wanted: two of the picture's
  CHECK(bytes_of(side, 1, LEVIT_RESIZE_TIMM) < 16384);
}

TEST_CASE("the longest thin pictures are resized") {
  const size_t side = 65535;
  const Rgb rgb = noise(3 * side, "thin");
  for (const levit_resize resize : kResizes) {
    CHECK(preprocess({rgb.data(), side, 1, 3 * side}, resize) == plain_preprocess(rgb, side, 1, resize));
    CHECK(preprocess({rgb.data(), 1, side, 3}, resize) == plain_preprocess(rgb, 1, side, resize));
  }
}

TEST_CASE("the window is the rectangle that the crop shows") {
  levit_window window;
  REQUIRE(levit_preprocess_window(640, 480, LEVIT_RESIZE_SQUASH, &window) == LEVIT_OK);
  CHECK(window.left == 0);
  CHECK(window.top == 0);
  CHECK(window.width == 640);
  CHECK(window.height == 480);
  // 640 x 480 becomes 330 x 248; the crop begins at (53, 12).
  REQUIRE(levit_preprocess_window(640, 480, LEVIT_RESIZE_TIMM, &window) == LEVIT_OK);
  CHECK(window.left == doctest::Approx(53 * 640.0 / 330));
  CHECK(window.top == doctest::Approx(12 * 480.0 / 248));
  CHECK(window.width == doctest::Approx(224 * 640.0 / 330));
  CHECK(window.height == doctest::Approx(224 * 480.0 / 248));
}

TEST_CASE("normalisation rounds like torch in every byte and channel") {
  const levit::tests::OpenModel model(levit::tests::Seed{"micro"});
  const levit::tests::Array golden = levit::tests::load_npy("preprocess/normalised.npy");
  REQUIRE(golden.shape == std::vector<size_t>{3, 256});
  const size_t area = size_t{LEVIT_SIDE} * LEVIT_SIDE;
  Rgb rgb(kOutBytes);
  for (size_t i = 0; i < kOutBytes; ++i) rgb[i] = static_cast<uint8_t>(i / 3);  // every byte in every channel
  std::vector<float> out(kOutBytes);
  const levit::tests::OpenContext context(model, levit::tests::options_with(0));
  REQUIRE(levit_normalise(context, rgb.data(), out.data()) == LEVIT_OK);
  size_t wrong = 0;
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < area; ++i) wrong += out[c * area + i] != golden.values[c * 256 + i % 256];
  }
  CHECK(wrong == 0);
}
