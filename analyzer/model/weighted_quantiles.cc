#include "analyzer/model/weighted_quantiles.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace perfagent {
namespace {

constexpr int kLeadingBits = 7;

// Greater amounts are in greater buckets.
uint32_t BucketOf(uint64_t amount) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(amount)) - kLeadingBits);
  return static_cast<uint32_t>((static_cast<uint64_t>(shift) << kLeadingBits) + (amount >> shift));
}

}  // namespace

void WeightedQuantiles::Add(uint64_t amount, double weight) {
  Bucket& bucket = buckets_[BucketOf(amount)];
  bucket.weight += weight;
  bucket.sum += weight * static_cast<double>(amount);
  weight_ += weight;
  max_ = std::max(max_, amount);
}

void WeightedQuantiles::Merge(const WeightedQuantiles& other) {
  for (const auto& [number, bucket] : other.buckets_) {
    buckets_[number].weight += bucket.weight;
    buckets_[number].sum += bucket.sum;
  }
  weight_ += other.weight_;
  max_ = std::max(max_, other.max_);
}

uint64_t WeightedQuantiles::Quantile(double share) const {
  double below = 0;
  for (const auto& [number, bucket] : buckets_) {
    below += bucket.weight;
    // Sums of weights are rounded: half of four equal ones is two of them.
    if (below < share * weight_ * (1 - 1e-9)) continue;
    const double mean = std::round(bucket.sum / bucket.weight);
    return mean < static_cast<double>(max_) ? static_cast<uint64_t>(mean) : max_;
  }
  return max_;
}

}  // namespace perfagent
