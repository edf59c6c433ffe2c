// consumer MODEL: classifies a grey picture through levit.hpp and prints the sum of the probabilities.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <levit.hpp>
#include <string>

int main(int, char** arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  levit::Memory image(bytes.size());
  bytes.copy(static_cast<char*>(image.data()), bytes.size());
  const levit_model* model = levit::open(image.data(), image.bytes());

  levit_options options = levit_default_options();
  options.features = LEVIT_GRADIENT;
  levit::Context context(model, options);
  const std::vector<uint8_t> grey(100 * 50 * 3, 128);
  const std::vector<uint8_t> pixels =
      levit::preprocess({grey.data(), 100, 50, 300}, levit::info(model).resize);
  const levit_input input{pixels.data(), nullptr};
  float sum = 0;
  for (const float probability : context.probabilities(context.classify(input))) sum += probability;
  std::vector<float> direction(context.classes());
  direction[0] = 1;
  const bool complete =
      context.gradient(input, direction, LEVIT_INPUT).size() == size_t{3} * LEVIT_SIDE * LEVIT_SIDE;

  bool refused = false;
  try {
    levit::open(grey.data(), 10);
  } catch (const levit::Error& error) {
    refused = error.status() != LEVIT_OK;
  }
  std::printf("%.4f\n", static_cast<double>(sum));
  return complete && refused ? 0 : 1;
}
