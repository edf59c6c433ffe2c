// Batches that are prepared on threads beside the network, in an order and with bits that do not depend on
// how many threads there are.
#ifndef LEVIT_TOOLS_LEVIT_TRAIN_LOADER_H_
#define LEVIT_TOOLS_LEVIT_TRAIN_LOADER_H_

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace levit::tools {

struct LoadFailure {
  uint32_t picture;
  std::string cause;
};

struct LoadedBatch {
  size_t epoch = 0, number = 0;       // of the batch in its epoch, from 0
  bool last = false;                  // of the epoch
  std::vector<uint32_t> pictures;     // those that are there, in their order
  std::vector<uint8_t> samples;       // [pictures][bytes of a sample]
  std::vector<LoadFailure> failures;  // pictures of this batch that are left out
};

struct LoaderOptions {
  size_t threads = 1;  // next() does the work where there are none, as under a limit of the system
  size_t batch = 1;    // samples of a batch; the last one of an epoch may have fewer
  size_t ahead = 4;    // batches that are prepared or being prepared, at least 1
  size_t sample_bytes = 0;
  size_t epochs = 1;                        // where it ends
  size_t first_epoch = 0, first_batch = 0;  // where it begins
  // The pictures of an epoch, as many in each. On any thread, one call at a time.
  std::function<std::vector<uint32_t>(size_t epoch)> order;
  // Writes a sample, which must depend on `picture` and `number` alone; sample numbers run on over the
  // epochs. On any thread; no two calls share a worker. A std::runtime_error leaves the picture out; whatever
  // else it throws comes out of next().
  std::function<void(uint32_t picture, uint64_t number, size_t worker, uint8_t* out)> prepare;
};

class Loader {
 public:
  explicit Loader(LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The next batch, valid until the next call; null behind the last one.
  const LoadedBatch* next();

  double waited() const { return waited_; }  // seconds that next() has waited for a batch

 private:
  struct Slot {
    LoadedBatch batch;
    uint64_t first_sample = 0;
    size_t claimed = 0, unfinished = 0;
    std::vector<std::string> causes;  // of each sample; empty where there is one
  };
  struct Claim {
    Slot* slot;
    size_t row;
  };
  Slot& slot(size_t batch) { return slots_[batch % slots_.size()]; }
  void serve(size_t worker);
  void prepare(const Claim& mine, size_t worker);
  bool claim(Claim* claim);
  bool open_batch();
  void compact(Slot& slot) const;

  const LoaderOptions options_;
  std::mutex mutex_;
  std::condition_variable room_, ready_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> order_;    // of the epoch whose batches are being opened
  size_t epoch_, batch_;           // the next batch to open
  size_t opened_ = 0, taken_ = 0;  // batches, counted from the loader's first
  bool holding_ = false, ended_ = false, stop_ = false;
  std::exception_ptr failure_;
  double waited_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace levit::tools

#endif  // LEVIT_TOOLS_LEVIT_TRAIN_LOADER_H_
