#include "tests/weights/mutation.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "tests/weights/models.h"
#include "weights/checksum.h"
#include "weights/layout.h"
#include "weights/reader.h"

namespace levit::tests {
namespace {

size_t hexadecimal(const std::string& digits) {
  return std::stoul(digits, nullptr, 16);
}

void replace(Bytes* bytes, size_t at, const Bytes& by) {
  if (at + by.size() > bytes->size()) throw std::invalid_argument("a mutation beyond the end of the file");
  std::copy(by.begin(), by.end(), bytes->begin() + static_cast<ptrdiff_t>(at));
}

Bytes parse_bytes(const std::string& digits) {
  Bytes bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(hexadecimal(digits.substr(i, 2))));
  }
  return bytes;
}

void apply_step(Bytes* bytes, const std::string& step) {
  const size_t equals = step.find('='), copied = step.find('<');
  if (step[0] == '@' && equals != std::string::npos) {
    replace(bytes, hexadecimal(step.substr(1, equals - 1)), parse_bytes(step.substr(equals + 1)));
  } else if (step[0] == '@' && copied != std::string::npos) {
    const auto from = bytes->begin() + static_cast<ptrdiff_t>(hexadecimal(step.substr(copied + 1)));
    replace(bytes, hexadecimal(step.substr(1, copied - 1)), Bytes(from, from + weights::kEntryBytes));
  } else if (step[0] == '#') {
    bytes->resize(std::stoul(step.substr(1)));
  } else if (step == "!size") {
    weights::store_u64(bytes->data() + weights::kAtFileBytes, bytes->size());
  } else if (step == "!checksum") {
    weights::store_u64(bytes->data() + weights::kAtChecksum, weights::checksum(bytes->data(), bytes->size()));
  } else {
    throw std::invalid_argument(step + " is no mutation");
  }
}

}  // namespace

Bytes mutate(Bytes bytes, const std::string& steps) {
  std::istringstream words(steps);
  for (std::string step; words >> step;) apply_step(&bytes, step);
  return bytes;
}

levit_status status_of(const Bytes& bytes) {
  const Image image(bytes);
  const levit_model* model = nullptr;
  return levit_open(image.data(), image.bytes(), &model);
}

}  // namespace levit::tests
