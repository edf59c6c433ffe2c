// A fuzz target as a plain program, for any compiler: runs the target on the files and folders named, then on
// changed copies of them, the same ones on every run and machine.
//   <name>_fuzz [--mutations=N] PATH...
// Prints PASS and the number of inputs. What the target finds wrong ends the program by a signal.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

// splitmix64
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  size_t below(size_t bound) { return bound == 0 ? 0 : static_cast<size_t>(next() % bound); }

 private:
  uint64_t state_;
};

std::vector<std::filesystem::path> list_files(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
    } else {
      files.emplace_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// From memory of exactly that size, so that a sanitizer sees the first byte read beyond it.
void run(const Bytes& input) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[input.size()]);
  std::copy(input.begin(), input.end(), copy.get());
  LLVMFuzzerTestOneInput(copy.get(), input.size());
}

// Half of the changes go to the first 512 bytes, where headers are.
size_t position(const Bytes& bytes, Random* random) {
  const size_t end = random->below(2) == 0 ? std::min<size_t>(bytes.size(), 512) : bytes.size();
  return random->below(end);
}

// A little-endian number at the limits of some type.
void put_limit(Bytes* bytes, Random* random) {
  static constexpr uint64_t kLimits[] = {0,         1,          0x7f,       0x80,       0xff,
                                         0xffff,    0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                                         INT64_MAX, 1ull << 63, UINT64_MAX};
  const uint64_t value = kLimits[random->below(std::size(kLimits))];
  const size_t width = size_t{1} << random->below(4);
  const size_t at = position(*bytes, random) / width * width;
  for (size_t i = 0; i < width && at + i < bytes->size(); ++i)
    (*bytes)[at + i] = static_cast<uint8_t>(value >> 8 * i);
}

void mutate(Bytes* bytes, const Bytes& other, Random* random) {
  const size_t at = position(*bytes, random), length = 1 + random->below(64);
  const auto here = bytes->begin() + static_cast<ptrdiff_t>(at);
  const auto until = bytes->begin() + static_cast<ptrdiff_t>(std::min(at + length, bytes->size()));
  switch (bytes->empty() ? 6 : random->below(7)) {
    case 0:
      *here = static_cast<uint8_t>(*here ^ 1u << random->below(8));
      break;
    case 1:
      *here = static_cast<uint8_t>(random->next());
      break;
    case 2:
      put_limit(bytes, random);
      break;
    case 3:
      bytes->resize(at);
      break;
    case 4:
      bytes->erase(here, until);
      break;
    case 5: {
      const Bytes repeated(here, until);
      bytes->insert(here, repeated.begin(), repeated.end());
      break;
    }
    default: {  // the rest of another file
      const size_t from = random->below(other.size());
      bytes->resize(at);
      bytes->insert(bytes->end(), other.begin() + static_cast<ptrdiff_t>(from), other.end());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  size_t mutations = 0;
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--mutations=", 0) == 0) {
      mutations = std::strtoul(argument.c_str() + std::strlen("--mutations="), nullptr, 10);
    } else {
      paths.push_back(argument);
    }
  }
  std::vector<Bytes> inputs;
  for (const auto& path : list_files(paths)) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (!file.good() && !file.eof()) {
      std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
      return 1;
    }
    run(inputs.back());
  }
  if (inputs.empty()) {
    std::fprintf(stderr, "%s: no input files\n", argv[0]);
    return 1;
  }
  Random random(1);
  for (size_t i = 0; i < mutations; ++i) {
    Bytes input = inputs[i % inputs.size()];
    for (size_t changes = 1 + random.below(3); changes > 0; --changes) {
      mutate(&input, inputs[random.below(inputs.size())], &random);
    }
    run(input);
  }
  std::printf("PASS: %zu files, %zu changed copies\n", inputs.size(), mutations);
  return 0;
}
