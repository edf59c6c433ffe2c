// Pooled features in a file, by picture and view, so that no picture goes through a backbone twice.
//
// The file is a header of 64 bytes and records behind each other, written as they come. Every record has a
// digest: what a killed run or a full disk left unfinished at the end is cut off when the file is opened
// again, and the rest is used. Numbers are little-endian.
//
//   header: "LVFEAT01", u32 floats of a record, u32 0, u64 checksum of the model, 32 bytes 0, u64 digest of
//   these record: u64 content_hash of the picture file, u64 view, f32 [floats], u64 digest of these
#ifndef LEVIT_TOOLS_LEVIT_DATASET_FEATURE_CACHE_H_
#define LEVIT_TOOLS_LEVIT_DATASET_FEATURE_CACHE_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace levit::tools {

// Which numbers a record holds: the picture's bytes, and how they became the network's input.
struct FeatureKey {
  uint64_t content, view;
  bool operator==(const FeatureKey& other) const { return content == other.content && view == other.view; }
};

class FeatureCache {
 public:
  // In memory only.
  explicit FeatureCache(size_t floats) : floats_(floats) {}

  // Opens or makes the file, for this process alone. Throws std::runtime_error "path: cause": another kind of
  // file, another model's or another size of features, in use, not to be written.
  FeatureCache(const std::string& path, size_t floats, uint64_t model_checksum);
  ~FeatureCache();
  FeatureCache(const FeatureCache&) = delete;
  FeatureCache& operator=(const FeatureCache&) = delete;

  size_t records() const { return places_.size(); }

  // The features [floats], valid until the next add(); null when there are none.
  const float* find(const FeatureKey& key) const;

  // Keeps features in memory.
  void add(const FeatureKey& key, const float* features);

  // Keeps all that the file of another cache has, too; that file is only read. Throws as the constructor
  // does, and when there is no such file.
  void add_file(const std::string& path, uint64_t model_checksum);

  // Writes what is new to the file. When it cannot take it (a full disk) the cause goes to failure(), the
  // file ends with its last whole record, and what follows is kept in memory only.
  void flush();
  const std::string& failure() const { return failure_; }

 private:
  struct Hash {
    size_t operator()(const FeatureKey& key) const {
      return static_cast<size_t>(key.content ^ key.view * 0x9e3779b97f4a7c15u);
    }
  };
  void load(uint64_t model_checksum);
  void read_records();
  size_t record_bytes() const { return 3 * sizeof(uint64_t) + floats_ * sizeof(float); }

  size_t floats_;
  int file_ = -1;
  uint64_t whole_ = 0;  // bytes of the file up to its last whole record
  std::string failure_;
  std::vector<uint8_t> pending_;  // records to be written
  std::vector<float> features_;   // of all records
  std::unordered_map<FeatureKey, size_t, Hash> places_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_DATASET_FEATURE_CACHE_H_
