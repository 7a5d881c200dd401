// weighted_quantiles.h: quantiles of amounts that stand for others.
//
// Amounts of 128 and more share a bucket with those of the same seven leading bits, and a quantile is the mean of its
// bucket: it is exact where these are equal, and otherwise within 0.8 %. So memory does not grow with what is added.
#pragma once

#include <cstdint>
#include <map>

namespace perfagent {

class WeightedQuantiles {
 public:
  void Add(uint64_t amount, double weight);
  void Merge(const WeightedQuantiles& other);

  bool IsEmpty() const { return buckets_.empty(); }
  // The amount that `share` of all do not exceed; 0 of nothing.
  uint64_t Quantile(double share) const;
  // The greatest one that was added.
  uint64_t max() const { return max_; }

 private:
  struct Bucket {
    double weight = 0;
    double sum = 0;  // of weighted amounts
  };

  std::map<uint32_t, Bucket> buckets_;  // by amount
  double weight_ = 0;
  uint64_t max_ = 0;
};

}  // namespace perfagent
