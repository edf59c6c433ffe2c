#include "tools/levit/dataset/augment.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "tools/draw/png.h"
#include "tools/picture/picture.h"

namespace levit::tools {
namespace {

using runtime::Mt19937;

constexpr size_t kSide = LEVIT_SIDE;

double between(double low, double high, Mt19937& random) {
  return low + (high - low) * random.uniform();
}

uint8_t to_byte(double value) {
  return static_cast<uint8_t>(std::lround(std::min(255.0, std::max(0.0, value))));
}

// L of ITU-R 601-2, as Pillow converts.
double grey(const uint8_t* rgb) {
  return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

void scale_brightness(SquarePixels& pixels, double factor) {
  for (uint8_t& value : pixels) value = to_byte(factor * value);
}

// Blends with the picture's mean grey.
void scale_contrast(SquarePixels& pixels, double factor) {
  double mean = 0;
  for (size_t i = 0; i < pixels.size(); i += 3) mean += grey(&pixels[i]);
  mean = std::floor(mean / static_cast<double>(kSide * kSide) + 0.5);
  for (uint8_t& value : pixels) value = to_byte(factor * value + (1 - factor) * mean);
}

// Blends with each pixel's own grey.
void scale_saturation(SquarePixels& pixels, double factor) {
  for (size_t i = 0; i < pixels.size(); i += 3) {
    const double own = grey(&pixels[i]);
    for (size_t c = 0; c < 3; ++c) pixels[i + c] = to_byte(factor * pixels[i + c] + (1 - factor) * own);
  }
}

// Turns the hue of HSV by a share of the circle.
void turn_hue(SquarePixels& pixels, double turn) {
  for (size_t i = 0; i < pixels.size(); i += 3) {
    const double r = pixels[i], g = pixels[i + 1], b = pixels[i + 2];
    const double high = std::max({r, g, b}), chroma = high - std::min({r, g, b});
    if (chroma == 0) continue;
    const double sector = high == r   ? (g - b) / chroma
                          : high == g ? 2 + (b - r) / chroma
                                      : 4 + (r - g) / chroma;
    const double turned = sector + 6 * turn;
    // Smith 1978, "Color gamut transform pairs", as one formula for the three channels.
    const double offsets[3] = {5, 3, 1};
    for (size_t c = 0; c < 3; ++c) {
      double k = std::fmod(offsets[c] + turned, 6);
      if (k < 0) k += 6;
      pixels[i + c] = to_byte(high - chroma * std::clamp(std::min(k, 4 - k), 0.0, 1.0));
    }
  }
}

// Four changes, in an order of their own each time, as torchvision's ColorJitter.
void jitter(SquarePixels& pixels, Mt19937& random) {
  const double brightness = between(0.8, 1.2, random), contrast = between(0.8, 1.2, random),
               saturation = between(0.8, 1.2, random), hue = between(-0.05, 0.05, random);
  int order[] = {0, 1, 2, 3};
  for (uint32_t i = 4; i > 1; --i) std::swap(order[i - 1], order[random.choice(i)]);
  for (const int change : order) {
    if (change == 0) scale_brightness(pixels, brightness);
    if (change == 1) scale_contrast(pixels, contrast);
    if (change == 2) scale_saturation(pixels, saturation);
    if (change == 3) turn_hue(pixels, hue);
  }
}

// Mean over each cell of a side x side grid, then bilinear to the old size.
void scale_down_and_up(const levit_context* context, SquarePixels& pixels, Mt19937& random) {
  const auto side = static_cast<size_t>(between(0.5, 1, random) * static_cast<double>(kSide));
  SquarePixels small(side * side * 3);
  for (size_t y = 0; y < side; ++y) {
    for (size_t x = 0; x < side; ++x) {
      const size_t top = y * kSide / side, bottom = std::max(top + 1, (y + 1) * kSide / side);
      const size_t left = x * kSide / side, right = std::max(left + 1, (x + 1) * kSide / side);
      for (size_t c = 0; c < 3; ++c) {
        double sum = 0;
        for (size_t v = top; v < bottom; ++v)
          for (size_t u = left; u < right; ++u) sum += pixels[(v * kSide + u) * 3 + c];
        small[(y * side + x) * 3 + c] = to_byte(sum / static_cast<double>((bottom - top) * (right - left)));
      }
    }
  }
  size_t bytes = 0;
  levit_preprocess_bytes(side, side, LEVIT_RESIZE_SQUASH, &bytes);
  std::vector<uint8_t> scratch(bytes);
  const levit_image image = {small.data(), side, side, 3 * side};
  if (levit_preprocess(context, &image, LEVIT_RESIZE_SQUASH, scratch.data(), bytes, pixels.data()) !=
      LEVIT_OK)
    throw std::runtime_error("cannot be scaled");
}

// Along rows, then along columns; the border is reflected.
void blur(SquarePixels& pixels, Mt19937& random) {
  constexpr int kReach = 4;
  const double sigma = between(0.3, 1.5, random);
  double tap[2 * kReach + 1], sum = 0;
  for (int i = -kReach; i <= kReach; ++i) sum += tap[i + kReach] = std::exp(-0.5 * i * i / (sigma * sigma));
  const auto pass = [&](size_t step, size_t line) {
    const SquarePixels from = pixels;
    for (size_t l = 0; l < kSide; ++l) {
      for (size_t at = 0; at < kSide; ++at) {
        for (size_t c = 0; c < 3; ++c) {
          double value = 0;
          for (int i = -kReach; i <= kReach; ++i) {
            const int last = static_cast<int>(kSide) - 1;
            int place = std::abs(static_cast<int>(at) + i);
            if (place > last) place = 2 * last - place;
            value += tap[i + kReach] * from[l * line + static_cast<size_t>(place) * step + c];
          }
          pixels[l * line + at * step + c] = to_byte(value / sum);
        }
      }
    }
  };
  pass(3, 3 * kSide);
  pass(3 * kSide, 3);
}

// Two normal deviates of each pair of uniform ones (Box and Muller 1958).
void add_noise(SquarePixels& pixels, Mt19937& random) {
  constexpr double kTwoPi = 6.283185307179586;
  const double sigma = between(0, 8, random);
  for (size_t i = 0; i + 1 < pixels.size(); i += 2) {
    const double radius = sigma * std::sqrt(-2 * std::log(1 - random.uniform()));
    const double angle = kTwoPi * random.uniform();
    pixels[i] = to_byte(pixels[i] + radius * std::cos(angle));
    pixels[i + 1] = to_byte(pixels[i + 1] + radius * std::sin(angle));
  }
}

}  // namespace

levit_image random_crop(const levit_image& image, Mt19937& random) {
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  const auto part = [&image](size_t left, size_t top, size_t w, size_t h) {
    return levit_image{image.pixels + top * image.stride + 3 * left, w, h, image.stride};
  };
  for (int trial = 0; trial < 10; ++trial) {
    const double area = between(0.5, 1, random) * width * height;
    const double aspect = std::exp(between(std::log(0.75), std::log(4.0 / 3), random));
    const auto w = static_cast<size_t>(std::lround(std::sqrt(area * aspect)));
    const auto h = static_cast<size_t>(std::lround(std::sqrt(area / aspect)));
    if (w == 0 || h == 0 || w > image.width || h > image.height) continue;
    const size_t top = random.choice(static_cast<uint32_t>(image.height - h + 1));
    return part(random.choice(static_cast<uint32_t>(image.width - w + 1)), top, w, h);
  }
  size_t w = image.width, h = image.height;
  if (width / height < 0.75) h = static_cast<size_t>(std::lround(width / 0.75));
  if (width / height > 4.0 / 3) w = static_cast<size_t>(std::lround(height * 4 / 3));
  w = std::max<size_t>(1, std::min(w, image.width));
  h = std::max<size_t>(1, std::min(h, image.height));
  return part((image.width - w) / 2, (image.height - h) / 2, w, h);
}

void augment(const levit_context* context, SquarePixels* pixels, Mt19937& random) {
  if (random.uniform() < 0.5) flip(pixels);
  jitter(*pixels, random);
  if (random.uniform() < 0.25) scale_down_and_up(context, *pixels, random);
  if (random.uniform() < 0.25) blur(*pixels, random);
  if (random.uniform() < 0.25) add_noise(*pixels, random);
  if (random.uniform() < 0.5) recompress(pixels, 50 + static_cast<int>(random.choice(46)));
}

void flip(SquarePixels* pixels) {
  for (size_t y = 0; y < kSide; ++y) {
    for (size_t x = 0; x < kSide / 2; ++x)
      std::swap_ranges(&(*pixels)[(y * kSide + x) * 3], &(*pixels)[(y * kSide + x) * 3] + 3,
                       &(*pixels)[(y * kSide + kSide - 1 - x) * 3]);
  }
}

void recompress(SquarePixels* pixels, int quality) {
  Canvas canvas;
  canvas.width = canvas.height = kSide;
  canvas.rgb = std::move(*pixels);
  const std::vector<uint8_t> file = jpeg_bytes(canvas, quality);
  *pixels = std::move(canvas.rgb);
  const Picture picture = decode_picture(file.data(), file.size());
  std::copy(picture.pixels.get(), picture.pixels.get() + pixels->size(), pixels->begin());
}

}  // namespace levit::tools
