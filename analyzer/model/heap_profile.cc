#include "analyzer/model/heap_profile.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace perfagent {
namespace {

#define PERFAGENT_API_NAME(id, name) name,
constexpr const char* kHeapApiNames[] = {PERFAGENT_HEAP_APIS(PERFAGENT_API_NAME)};
constexpr const char* kLockKindNames[] = {PERFAGENT_LOCK_KINDS(PERFAGENT_API_NAME)};
#undef PERFAGENT_API_NAME
#define PERFAGENT_LOCK_API_NAME(id, name, kind) name,
constexpr const char* kLockApiNames[] = {PERFAGENT_LOCK_APIS(PERFAGENT_LOCK_API_NAME)};
#undef PERFAGENT_LOCK_API_NAME

HeapMetrics SumOf(const HeapProfile& heap) {
  HeapMetrics sum;
  for (const HeapSite& site : heap.sites) sum.Merge(site.metrics);
  sum.MayMissSites(static_cast<double>(heap.widest_interval_bytes));
  return sum;
}

}  // namespace

// kCount: sites of several are one.
const char* Name(HeapApi api) {
  return api == HeapApi::kCount ? "several calls" : kHeapApiNames[static_cast<size_t>(api)];
}
const char* Name(LockApi api) { return kLockApiNames[static_cast<size_t>(api)]; }
const char* Name(LockKind kind) { return kLockKindNames[static_cast<size_t>(kind)]; }

void Lifetimes::Add(uint64_t lifetime_ns, Weight weight) {
  const double time = static_cast<double>(lifetime_ns);
  count_.Add(1, weight);
  max_ns_ = std::max(max_ns_, lifetime_ns);
  counts_.Add(LifetimeBucket(lifetime_ns), weight.factor);
  if (weight.spread == 0) {
    certain_ns_ += time;
    return;
  }
  Sampled& sampled = sampled_.Make();
  sampled.ns += time * weight.factor;
  sampled.weight_squared += weight.factor * weight.factor;
  sampled.spread_time += time * weight.spread;
  sampled.spread_time_squared += time * time * weight.spread;
  double term = weight.spread * weight.spread;
  for (double& sum : sampled.spread_squared) {
    sum += term;
    term *= time;
  }
}

void Lifetimes::Add(const ExactLifetimes& exact) {
  count_.AddCertain(static_cast<double>(exact.blocks));
  certain_ns_ += static_cast<double>(exact.sum_ns);
  max_ns_ = std::max(max_ns_, exact.max_ns);
  counts_.Merge(exact.counts);
}

void Lifetimes::Merge(const Lifetimes& other) {
  count_.Merge(other.count_);
  certain_ns_ += other.certain_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
  counts_.Merge(other.counts_);
  if (!other.sampled_.IsMade()) return;
  const Sampled& more = *other.sampled_;
  Sampled& sampled = sampled_.Make();
  sampled.ns += more.ns;
  sampled.weight_squared += more.weight_squared;
  sampled.spread_time += more.spread_time;
  sampled.spread_time_squared += more.spread_time_squared;
  for (size_t k = 0; k < sampled.spread_squared.size(); ++k)
    sampled.spread_squared[k] += more.spread_squared[k];
}

Estimate Lifetimes::Mean(uint64_t ran_ns) const {
  if (IsEmpty()) return {};
  const Estimate count = count_.Interval();
  const double sum_ns = certain_ns_ + sampled_->ns;
  const double mean = sum_ns / count_.value();
  if (count.IsExact()) return Estimate::Exact(mean);
  const double sampled = count.value - count_.certain();
  const Estimate of_sampled = sampled > 0 ? MeanOfSampled(ran_ns) : Estimate::Exact(mean);
  const auto with_more = [&](double blocks, double mean_ns) {
    return (sum_ns + blocks * mean_ns) / (count.value + blocks);
  };
  const double share = sampled / count.value;
  const double fewer = with_more(std::max(count.low, 1.0) - count.value, of_sampled.value);
  const double more = with_more(count.high - count.value, of_sampled.value);
  const double long_ones = with_more(count_.missed(), MeanOfThoseAliveAtOneTime());
  const double below =
      std::hypot(mean - std::min({fewer, more, mean}), share * (of_sampled.value - of_sampled.low));
  const double above = std::hypot(std::max({fewer, more, long_ones}) - mean,
                                  share * (of_sampled.high - of_sampled.value));
  const double longest = static_cast<double>(std::max(ran_ns, max_ns_));
  return {mean, std::max(mean - below, 0.0), std::min(mean + above, longest)};
}

// Of those that live at a given moment the long ones are more than their share: E[t^2] / E[t].
double Lifetimes::MeanOfThoseAliveAtOneTime() const {
  double times = 0, squares = 0;
  counts_.ForEach([&](size_t bucket, double count) {
    const double time = 1.5 * LeastLifetimeNs(bucket);
    times += count * time;
    squares += count * time * time;
  });
  return squares / times;
}

Estimate Lifetimes::MeanOfSampled(uint64_t ran_ns) const {
  const double count = count_.value() - count_.certain();
  const double mean = sampled_->ns / count;
  const double longest = static_cast<double>(std::max(ran_ns, max_ns_));
  const double blocks = count * count / sampled_->weight_squared;
  if (mean <= 0 || blocks <= 1 + 1e-6) return {mean, 0, longest};
  const double variance = SquaredDeviations(mean) / (count * count) * blocks / (blocks - 1);
  const double half_width =
      StudentQuantile95(DegreesOfFreedom(mean, blocks - 1)) * std::sqrt(variance);
  return {mean, std::max(mean - half_width, 0.0),
          std::min(mean * std::exp(half_width / mean), longest)};
}

// Sum of (1 - p) / p^2 (t - mean)^2.
double Lifetimes::SquaredDeviations(double mean) const {
  return std::max(sampled_->spread_time_squared - 2 * mean * sampled_->spread_time +
                      mean * mean * count_.variance(),
                  0.0);
}

double Lifetimes::DegreesOfFreedom(double mean, double most) const {
  const auto& of = sampled_->spread_squared;
  const double squares = of[4] - 4 * mean * of[3] + 6 * mean * mean * of[2] -
                         4 * std::pow(mean, 3) * of[1] + std::pow(mean, 4) * of[0];
  const double sum = SquaredDeviations(mean);
  // Lifetimes that are all the same leave only rounding errors.
  return squares <= 0 ? most : std::clamp(sum * sum / squares, std::min(1.0, most), most);
}

Estimate Lifetimes::Median(uint64_t ran_ns) const {
  if (IsEmpty()) return {};
  const double value = Quantile(0.5).value;
  const double rank_error = kZ95 * 0.5 * std::sqrt(count_.variance()) / count_.value();
  if (rank_error >= 0.5) return {value, 0, static_cast<double>(std::max(ran_ns, max_ns_))};
  return {value, Quantile(0.5 - rank_error).low, Quantile(0.5 + rank_error).high};
}

Lifetimes::Range Lifetimes::Quantile(double fraction) const {
  const std::array<double, kLifetimeBuckets> counts = counts_.All();
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  double below = 0;
  Range range{};
  for (size_t i = 0; i < counts.size(); ++i) {
    const double count = counts[i];
    if (count == 0) continue;
    const double low = i == 0 ? 0 : LeastLifetimeNs(i);
    const double longest = static_cast<double>(max_ns_);
    const double high =
        i + 1 == counts.size() ? longest : std::min(LeastLifetimeNs(i + 1), longest);
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

void HeapMetrics::MayMissParts() {
  for (Tally* part :
       {&frees, &temporary, &cross_thread_frees, &reallocations, &live_blocks, &leaked_blocks}) {
    part->MayMissSomeOf(allocations);
  }
  peak_bytes.MayMiss(live_bytes.missed());
  for (Tally* part : {&live_bytes, &leaked_bytes, &peak_bytes}) part->MayMissSomeOf(bytes);
}

void HeapMetrics::MayMissMore(uint64_t interval_bytes) {
  if (allocations.IsEmpty() || !allocations.IsCertain()) return;
  const double size = bytes.value() / allocations.value();
  const double blocks =
      std::sqrt(Weight::OfBlock(static_cast<uint64_t>(size), interval_bytes).spread);
  allocations.MayMiss(blocks);
  bytes.MayMiss(size * blocks);
}

void HeapMetrics::MayMissEndsOf(double size, Weight weight) {
  const double blocks = std::sqrt(weight.spread);
  for (Tally* part :
       {&frees, &temporary, &cross_thread_frees, &reallocations, &live_blocks, &leaked_blocks}) {
    part->MayMiss(blocks);
  }
  for (Tally* part : {&live_bytes, &leaked_bytes}) part->MayMiss(size * blocks);
}

void HeapMetrics::MayMissSites(double interval_bytes) {
  for (Tally* size : {&bytes, &live_bytes, &leaked_bytes, &peak_bytes})
    size->MayMiss(interval_bytes);
  if (!allocations.IsEmpty()) return;
  for (Tally* count : {&allocations, &frees, &temporary, &cross_thread_frees, &reallocations,
                       &live_blocks, &leaked_blocks}) {
    count->MayMiss(interval_bytes);
  }
}

void HeapProfile::SumSites() {
  total = SumOf(*this);
  total.frees.Add(static_cast<double>(unpaired_frees), Weight());
}

void HeapProfile::SumLeaks() {
  total.leaked_bytes = {};
  total.leaked_blocks = {};
  for (const HeapSite& site : sites) {
    total.leaked_bytes.Merge(site.metrics.leaked_bytes);
    total.leaked_blocks.Merge(site.metrics.leaked_blocks);
  }
  total.MayMissSites(static_cast<double>(widest_interval_bytes));
}

void HeapProfile::LeaveOut(absl::FunctionRef<bool(const HeapSite&)> left_out) {
  if (!whole) whole = total;
  std::erase_if(sites, left_out);
  total = SumOf(*this);
}

}  // namespace perfagent
