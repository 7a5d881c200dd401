#include "analyzer/model/heap_profile.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace perfagent {
namespace {

#define PERFAGENT_API_NAME(id, name) name,
constexpr const char* kHeapApiNames[] = {PERFAGENT_HEAP_APIS(PERFAGENT_API_NAME)};
constexpr const char* kLockApiNames[] = {PERFAGENT_LOCK_APIS(PERFAGENT_API_NAME)};
#undef PERFAGENT_API_NAME

}  // namespace

const char* Name(HeapApi api) { return kHeapApiNames[static_cast<size_t>(api)]; }
const char* Name(LockApi api) { return kLockApiNames[static_cast<size_t>(api)]; }

void Lifetimes::Add(uint64_t lifetime_ns, Weight weight) {
  const double time = static_cast<double>(lifetime_ns);
  count_.Add(1, weight);
  sum_ns_ += time * weight.factor;
  spread_time_ += time * weight.spread;
  spread_time_squared_ += time * time * weight.spread;
  max_ns_ = std::max(max_ns_, lifetime_ns);
  counts_[BucketOf(lifetime_ns)] += weight.factor;
}

void Lifetimes::Merge(const Lifetimes& other) {
  count_.Merge(other.count_);
  sum_ns_ += other.sum_ns_;
  spread_time_ += other.spread_time_;
  spread_time_squared_ += other.spread_time_squared_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

Estimate Lifetimes::Mean() const {
  if (IsEmpty()) return {};
  const double count = count_.value();
  const double mean = sum_ns_ / count;
  const double variance =
      (spread_time_squared_ - 2 * mean * spread_time_ + mean * mean * count_.variance()) /
      (count * count);
  const double half_width = kZ95 * std::sqrt(std::max(variance, 0.0));
  return {mean, std::max(mean - half_width, 0.0), mean + half_width};
}

Estimate Lifetimes::Median() const {
  if (IsEmpty()) return {};
  const double rank_error = kZ95 * 0.5 * std::sqrt(count_.variance()) / count_.value();
  return {Quantile(0.5).value, Quantile(std::max(0.5 - rank_error, 0.0)).low,
          Quantile(std::min(0.5 + rank_error, 1.0)).high};
}

size_t Lifetimes::BucketOf(uint64_t lifetime_ns) const {
  const uint64_t scaled = lifetime_ns >> kFirstPower;
  return std::min<size_t>(scaled == 0 ? 0 : std::bit_width(scaled) - 1, counts_.size() - 1);
}

Lifetimes::Range Lifetimes::Quantile(double fraction) const {
  double total = 0;
  for (const double count : counts_) total += count;
  double below = 0;
  Range range{};
  for (size_t i = 0; i < counts_.size(); ++i) {
    const double count = counts_[i];
    if (count == 0) continue;
    const double low = i == 0 ? 0 : std::ldexp(1.0, static_cast<int>(i) + kFirstPower);
    const double end = std::ldexp(1.0, static_cast<int>(i) + 1 + kFirstPower);
    const double longest = static_cast<double>(max_ns_);
    const double high = i + 1 == counts_.size() ? longest : std::min(end, longest);
    const double part = std::clamp((fraction * total - below) / count, 0.0, 1.0);
    range = {low, low + part * (high - low), high};
    below += count;
    if (below >= fraction * total) break;
  }
  return range;
}

void HeapMetrics::Merge(const HeapMetrics& other) {
  allocations.Merge(other.allocations);
  bytes.Merge(other.bytes);
  frees.Merge(other.frees);
  temporary.Merge(other.temporary);
  cross_thread_frees.Merge(other.cross_thread_frees);
  reallocations.Merge(other.reallocations);
  live_bytes.Merge(other.live_bytes);
  live_blocks.Merge(other.live_blocks);
  leaked_bytes.Merge(other.leaked_bytes);
  leaked_blocks.Merge(other.leaked_blocks);
  peak_bytes.Merge(other.peak_bytes);
}

void HeapProfile::SumSites() {
  total = {};
  for (const HeapSite& site : sites) total.Merge(site.metrics);
  total.frees.Add(static_cast<double>(unpaired_frees), Weight());
}

}  // namespace perfagent
