// A PNG as the PPM that an image without an operating system carries: pixels PICTURE.png >PICTURE.ppm
#include <cstdio>
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

int main(int argc, char** argv) {
  int width = 0, height = 0, channels = 0;
  const unsigned char* rgb = argc == 2 ? stbi_load(argv[1], &width, &height, &channels, 3) : nullptr;
  if (rgb == nullptr) return 1;
  std::printf("P6 %d %d 255\n", width, height);
  const auto bytes = static_cast<size_t>(width) * static_cast<size_t>(height) * 3;
  return std::fwrite(rgb, 1, bytes, stdout) == bytes ? 0 : 1;
}
