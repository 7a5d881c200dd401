// growing_mean.h: the mean of a sample of events whose number nobody knows beforehand.
//
// It begins at a least mean, and grows in proportion to the amount that was seen: so the number of samples grows with the
// logarithm of it, 2^kLog2Samples at first, and then for each e-fold as many again.
//
// Threads, signals: any.
#pragma once

#include <atomic>
#include <cstdint>

namespace perfagent {

template <unsigned kLog2Samples>
class GrowingMean {
 public:
  uint64_t Next(uint64_t least) const {
    const uint64_t mean = seen_.load(std::memory_order_relaxed) >> kLog2Samples;
    return mean > least ? mean : least;
  }
  // A sample stands for so much.
  void Add(uint64_t amount) { seen_.fetch_add(amount, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> seen_;
};

}  // namespace perfagent
