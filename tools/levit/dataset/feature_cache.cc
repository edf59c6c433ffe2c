#include "tools/levit/dataset/feature_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include "tools/common/output_lock.h"
#include "tools/common/text.h"
#include "tools/levit/dataset/content_hash.h"
#include "weights/layout.h"

namespace levit::tools {
namespace {

constexpr char kMagic[] = "LVFEAT01";
constexpr size_t kMagicBytes = 8, kHeaderBytes = 64, kAtFloats = 8, kAtModel = 16, kAtDigest = 56;

std::vector<uint8_t> header_of(size_t floats, uint64_t model_checksum) {
  std::vector<uint8_t> header(kHeaderBytes);
  std::memcpy(header.data(), kMagic, kMagicBytes);
  weights::store_u32(header.data() + kAtFloats, static_cast<uint32_t>(floats));
  weights::store_u64(header.data() + kAtModel, model_checksum);
  weights::store_u64(header.data() + kAtDigest, content_hash(header.data(), kAtDigest));
  return header;
}

// Reads up to `bytes`; fewer at the end of the file.
std::vector<uint8_t> read_bytes(int file, size_t bytes) {
  std::vector<uint8_t> data(bytes);
  size_t done = 0;
  while (done < bytes) {
    const ssize_t count = read(file, data.data() + done, bytes - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw std::runtime_error(std::strerror(errno));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  data.resize(done);
  return data;
}

// False, with errno, when not all could be written.
bool write_bytes(int file, const std::vector<uint8_t>& data) {
  for (size_t done = 0; done < data.size();) {
    const ssize_t count = write(file, data.data() + done, data.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

// Refuses what is not the beginning of this cache, with what to do about another model's; a file shorter than
// a header may be one that was killed.
void check_header(const std::vector<uint8_t>& found, const std::vector<uint8_t>& expected,
                  const char* advice) {
  const size_t magic = std::min(found.size(), kMagicBytes);
  if (std::memcmp(found.data(), kMagic, magic) != 0)
    throw std::runtime_error("not a feature cache; nothing was changed");
  if (found.size() < kHeaderBytes || found == expected) return;
  if (weights::load_u64(found.data() + kAtDigest) != content_hash(found.data(), kAtDigest))
    throw std::runtime_error("the feature cache is damaged; delete it");
  const uint32_t floats = weights::load_u32(found.data() + kAtFloats);
  if (floats != weights::load_u32(expected.data() + kAtFloats))
    throw std::runtime_error("features of another model: " + std::to_string(floats) + " numbers, not " +
                             std::to_string(weights::load_u32(expected.data() + kAtFloats)) + advice);
  throw std::runtime_error("features of another model: its checksum is " +
                           hexadecimal(weights::load_u64(found.data() + kAtModel)) + ", not " +
                           hexadecimal(weights::load_u64(expected.data() + kAtModel)) + advice);
}

void check_regular(int file) {
  struct stat status {};
  if (fstat(file, &status) != 0) throw std::runtime_error(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) throw std::runtime_error("not a regular file");
}

}  // namespace

FeatureCache::FeatureCache(const std::string& path, size_t floats, uint64_t model_checksum)
    : floats_(floats) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes shall fail like a full disk
  file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) throw std::runtime_error(path + ": " + std::strerror(errno));
  try {
    check_regular(file_);
    if (locked_elsewhere(file_)) throw std::runtime_error(kInUse);
    load(model_checksum);
  } catch (const std::runtime_error& error) {
    close(file_);
    throw std::runtime_error(path + ": " + error.what());
  }
}

FeatureCache::~FeatureCache() {
  flush();
  if (file_ >= 0) close(file_);
}

void FeatureCache::load(uint64_t model_checksum) {
  const std::vector<uint8_t> expected = header_of(floats_, model_checksum);
  const std::vector<uint8_t> header = read_bytes(file_, kHeaderBytes);
  check_header(header, expected, "; name another file with --cache");
  if (header.size() < kHeaderBytes) {
    const bool written =
        ftruncate(file_, 0) == 0 && lseek(file_, 0, SEEK_SET) == 0 && write_bytes(file_, expected);
    if (!written) {
      failure_ = std::strerror(errno);
      if (ftruncate(file_, 0) != 0)
        errno = 0;  // what is left is shorter than a header, and cut off next time
    }
  }
  read_records();
  if (failure_.empty() && (ftruncate(file_, static_cast<off_t>(whole_)) != 0 ||
                           lseek(file_, static_cast<off_t>(whole_), SEEK_SET) < 0))
    throw std::runtime_error(std::strerror(errno));
}

// Those from behind the header up to the first that is not whole.
void FeatureCache::read_records() {
  whole_ = kHeaderBytes;
  const size_t bytes = record_bytes(), at_once = std::max<size_t>(1, (size_t{1} << 24) / bytes);
  for (bool sound = true; sound;) {
    const std::vector<uint8_t> data = read_bytes(file_, at_once * bytes);
    for (size_t at = 0; sound && at + bytes <= data.size(); at += bytes) {
      const uint8_t* const record = data.data() + at;
      const size_t digest_at = bytes - sizeof(uint64_t);
      sound = weights::load_u64(record + digest_at) == content_hash(record, digest_at);
      if (!sound) break;
      places_[{weights::load_u64(record), weights::load_u64(record + 8)}] = features_.size();
      for (size_t i = 0; i < floats_; ++i) features_.push_back(weights::load_f32(record + 16 + 4 * i));
      whole_ += bytes;
    }
    if (data.size() < at_once * bytes) break;
  }
}

const float* FeatureCache::find(const FeatureKey& key) const {
  const auto place = places_.find(key);
  return place == places_.end() ? nullptr : features_.data() + place->second;
}

void FeatureCache::add(const FeatureKey& key, const float* features) {
  if (!places_.emplace(key, features_.size()).second) return;
  features_.insert(features_.end(), features, features + floats_);
  if (file_ < 0 || !failure_.empty()) return;
  const size_t at = pending_.size();
  pending_.resize(at + record_bytes());
  uint8_t* const record = pending_.data() + at;
  weights::store_u64(record, key.content);
  weights::store_u64(record + 8, key.view);
  for (size_t i = 0; i < floats_; ++i) weights::store_f32(record + 16 + 4 * i, features[i]);
  const size_t digest_at = record_bytes() - sizeof(uint64_t);
  weights::store_u64(record + digest_at, content_hash(record, digest_at));
}

void FeatureCache::add_file(const std::string& path, uint64_t model_checksum) {
  FeatureCache other(floats_);
  other.file_ = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);  // of a pipe nobody need hold the end
  if (other.file_ < 0) throw std::runtime_error(path + ": " + std::strerror(errno));
  try {
    check_regular(other.file_);
    const std::vector<uint8_t> header = read_bytes(other.file_, kHeaderBytes);
    check_header(header, header_of(floats_, model_checksum), "");
    if (header.size() < kHeaderBytes) throw std::runtime_error("the file ends within its header");
    other.read_records();
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
  for (const auto& [key, place] : other.places_) add(key, other.features_.data() + place);
}

void FeatureCache::flush() {
  if (file_ < 0 || pending_.empty() || !failure_.empty()) return;
  if (write_bytes(file_, pending_)) {
    whole_ += pending_.size();
  } else {
    failure_ = std::strerror(errno);
    if (ftruncate(file_, static_cast<off_t>(whole_)) != 0) errno = 0;  // cut off when it is opened again
  }
  pending_.clear();
}

}  // namespace levit::tools
