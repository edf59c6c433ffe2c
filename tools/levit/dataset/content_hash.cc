#include "tools/levit/dataset/content_hash.h"

#include <cstring>

#include "weights/checksum.h"

namespace levit::tools {

uint64_t content_hash(const void* data, size_t bytes) {
  using namespace weights;
  const auto* from = static_cast<const uint8_t*>(data);
  const size_t blocks = bytes / kBlockBytes;
  Digest digest = digest_start(bytes);
  digest_blocks(&digest, from, blocks, kAnything);
  uint8_t rest[kBlockBytes] = {};
  std::memcpy(rest, from + blocks * kBlockBytes, bytes % kBlockBytes);
  digest_blocks(&digest, rest, 1, kAnything);
  return digest_end(digest);
}

double share_of(uint64_t hash) {
  return static_cast<double>(content_hash(&hash, sizeof hash) >> 11) / 9007199254740992.0;  // 53 bits
}

}  // namespace levit::tools
