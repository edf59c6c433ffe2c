// A ring of batches. Threads claim samples one by one, so that all of them are at the batch that is needed
// first.
#include "tools/levit/train/loader.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace levit::tools {

Loader::Loader(LoaderOptions options)
    : options_(std::move(options)),
      slots_(options_.ahead),
      epoch_(options_.first_epoch),
      batch_(options_.first_batch) {
  try {
    for (size_t worker = 0; worker < options_.threads; ++worker)
      threads_.emplace_back(&Loader::serve, this, worker);
  } catch (const std::system_error&) {  // the system has no more threads
  }
}

Loader::~Loader() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  room_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

const LoadedBatch* Loader::next() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (holding_) {
    ++taken_;
    holding_ = false;
    room_.notify_all();
  }
  const auto there = [this] {
    return failure_ || (taken_ < opened_ ? slot(taken_).unfinished == 0 : ended_);
  };
  if (!there()) {
    const auto start = std::chrono::steady_clock::now();
    while (threads_.empty() && !there()) {
      Claim mine{};
      lock.unlock();
      if (claim(&mine)) prepare(mine, 0);
      lock.lock();
    }
    ready_.wait(lock, there);
    waited_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  if (failure_) std::rethrow_exception(failure_);
  if (taken_ == opened_) return nullptr;
  holding_ = true;
  compact(slot(taken_));
  return &slot(taken_).batch;
}

void Loader::serve(size_t worker) {
  for (Claim mine{}; claim(&mine);) prepare(mine, worker);
}

void Loader::prepare(const Claim& mine, size_t worker) {
  std::string cause;
  std::exception_ptr failure;
  try {
    options_.prepare(mine.slot->batch.pictures[mine.row], mine.slot->first_sample + mine.row, worker,
                     mine.slot->batch.samples.data() + mine.row * options_.sample_bytes);
  } catch (const std::runtime_error& error) {
    cause = error.what();
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  mine.slot->causes[mine.row] = cause;
  if (failure) {
    failure_ = failure;
    room_.notify_all();
  }
  if (--mine.slot->unfinished == 0 || failure) ready_.notify_all();
}

bool Loader::claim(Claim* claim) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    if (stop_ || failure_) return false;
    Slot* const last = opened_ > 0 ? &slot(opened_ - 1) : nullptr;
    if (last != nullptr && last->claimed < last->batch.pictures.size()) {
      *claim = {last, last->claimed++};
      return true;
    }
    if (opened_ - taken_ == slots_.size()) {
      room_.wait(lock);
    } else if (!open_batch()) {
      return false;
    }
  }
}

// Under the lock. False behind the last epoch.
bool Loader::open_batch() {
  if (batch_ * options_.batch >= order_.size() && !order_.empty()) {
    ++epoch_;
    batch_ = 0;
    order_.clear();
  }
  if (epoch_ >= options_.epochs) {
    ended_ = true;
    ready_.notify_all();
    return false;
  }
  if (order_.empty()) order_ = options_.order(epoch_);
  const size_t first = batch_ * options_.batch, count = std::min(options_.batch, order_.size() - first);
  Slot& next = slot(opened_++);
  next.batch.epoch = epoch_;
  next.batch.number = batch_++;
  next.batch.last = first + count == order_.size();
  next.batch.pictures.assign(&order_[first], &order_[first] + count);
  next.batch.samples.resize(count * options_.sample_bytes);
  next.batch.failures.clear();
  next.causes.assign(count, "");
  next.first_sample = uint64_t{epoch_} * order_.size() + first;
  next.claimed = 0;
  next.unfinished = count;
  return true;
}

// Closes up over the pictures that failed.
void Loader::compact(Slot& slot) const {
  LoadedBatch& batch = slot.batch;
  const size_t bytes = options_.sample_bytes;
  size_t kept = 0;
  for (size_t row = 0; row < slot.causes.size(); ++row) {
    if (!slot.causes[row].empty()) {
      batch.failures.push_back({batch.pictures[row], slot.causes[row]});
      continue;
    }
    if (kept < row) {
      const auto from = batch.samples.begin() + static_cast<std::ptrdiff_t>(row * bytes);
      std::copy(from, from + static_cast<std::ptrdiff_t>(bytes),
                batch.samples.begin() + static_cast<std::ptrdiff_t>(kept * bytes));
      batch.pictures[kept] = batch.pictures[row];
    }
    ++kept;
  }
  batch.pictures.resize(kept);
}

}  // namespace levit::tools
