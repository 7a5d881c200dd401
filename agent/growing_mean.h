// growing_mean.h: the mean of a sample of events whose number nobody knows beforehand.
//
// It begins at a least mean, and grows in proportion to the amount that was seen: so the number of samples grows with the
// logarithm of it, by so many at first, and then for each e-fold by as many again.
//
// Threads, signals: any.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace perfagent {

class GrowingMean {
 public:
  uint64_t Next(uint64_t least, uint64_t samples) const {
    return std::max(least, seen_.load(std::memory_order_relaxed) / samples);
  }
  // A sample stands for so much.
  void Add(uint64_t amount) { seen_.fetch_add(amount, std::memory_order_relaxed); }
  void Reset() { seen_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> seen_;
};

}  // namespace perfagent
