// heap_profile.h: what the heap's events add up to.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analyzer/model/allocator_calls.h"
#include "analyzer/model/estimate.h"
#include "analyzer/model/event_stacks.h"
#include "analyzer/model/heap_evidence.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/on_demand.h"
#include "analyzer/model/peak_resident.h"
#include "analyzer/model/size_buckets.h"
#include "analyzer/model/sparse_counts.h"
#include "perfagent/dump_format.h"

namespace perfagent {

// Lifetimes are counted by power of two: [i] counts 2^(i + 6) <= t < 2^(i + 7) ns; the first one also
// what is shorter (two readings of the clock), the last one also what is longer (19 hours).
inline constexpr int kFirstLifetimePower = 6;
inline constexpr size_t kLifetimeBuckets = kAgeBuckets;
constexpr size_t LifetimeBucket(uint64_t lifetime_ns) {
  const uint64_t scaled = lifetime_ns >> kFirstLifetimePower | 1;
  return std::min<size_t>(static_cast<size_t>(std::bit_width(scaled)) - 1, kLifetimeBuckets - 1);
}

inline double LeastLifetimeNs(size_t bucket) {
  return std::ldexp(1.0, static_cast<int>(bucket) + kFirstLifetimePower);
}

// Sums that no count of events overflows, whatever sizes a file names.
using ByteSum = unsigned __int128;
using NsSum = unsigned __int128;

// Of blocks that were all seen.
struct ExactLifetimes {
  NsSum sum_ns = 0;
  uint64_t blocks = 0;
  uint64_t max_ns = 0;
  SparseCounts<uint64_t, kLifetimeBuckets> counts = {};

  void Add(uint64_t lifetime_ns) {
    ++blocks;
    sum_ns += lifetime_ns;
    max_ns = std::max(max_ns, lifetime_ns);
    counts.Add(LifetimeBucket(lifetime_ns), 1);
  }
};

// How long blocks lived, of those that ended while recorded: weighted counts by power of two.
class Lifetimes {
 public:
  void Add(uint64_t lifetime_ns, Weight weight);
  void Add(const ExactLifetimes& exact);
  // Of a block that from now on is tracked with another weight: its end may be missed.
  void MayMissEndOf(Weight weight) { count_.MayMiss(std::sqrt(weight.spread)); }
  void Merge(const Lifetimes& other);

  bool IsEmpty() const { return count_.IsEmpty(); }
  uint64_t max_ns() const { return max_ns_; }
  std::array<double, kLifetimeBuckets> counts() const { return counts_.All(); }
  // Mean in ns; `ran_ns` is how long the process ran, and no block lived longer.
  //
  // A ratio of two estimated totals, its variance linearized: that of sum(w d), d = t - mean, over
  // the squared number of blocks. With few blocks the normal interval is too narrow, and too short
  // on the upper side, where lifetimes have their tail. Hence
  //   - Kish's (1965) effective number of blocks n = (sum w)^2 / sum w^2, and n / (n - 1);
  //   - Student's quantile, with Satterthwaite's (1946) degrees of freedom: what each block adds to
  //     the variance is known as badly as one square is. (sum v)^2 / sum v^2 with v = (1-p)/p^2 d^2,
  //     n - 1 at most;
  //   - the upper end from the interval of the logarithm (delta method).
  // One block says nothing of the spread: 0 to `ran_ns`. With 15 blocks of 16 to 128 bytes, of
  // exponential lifetimes, 97 % of the intervals hold the truth, of the normal ones 86 %; of
  // log-normal ones (sigma 1) 95 % and 80 %.
  // Lifetimes that were seen for certain (before a recording began to sample) are one part, the others another: how much
  // these weigh together is an estimate, too, and independent of their mean, so that the errors add in squares.
  // Where a block's end may have been missed (MayMissEndOf), the upper end allows for one more block. It lived at a given
  // moment, and so for longer than most: for E[t^2] / E[t] on average.
  Estimate Mean(uint64_t ran_ns) const;
  // Median in ns, interpolated in its power of two; the interval covers that power of two and the
  // sampling error of the rank (0.5 +- 1.96 sqrt(variance of the count / 4) / count). Where that
  // takes in all ranks, what was seen is no bound.
  Estimate Median(uint64_t ran_ns) const;

 private:
  struct Range {
    double low, value, high;
  };
  // Sums over blocks that were not seen for certain.
  struct Sampled {
    double ns = 0;              // of w t
    double weight_squared = 0;  // of w^2
    double spread_time = 0;     // of (1 - p) / p^2 t
    double spread_time_squared = 0;
    std::array<double, 5> spread_squared = {};  // [k] of ((1 - p) / p^2)^2 t^k
  };
  Estimate MeanOfSampled(uint64_t ran_ns) const;
  double MeanOfThoseAliveAtOneTime() const;
  double SquaredDeviations(double mean) const;
  double DegreesOfFreedom(double mean, double most) const;
  Range Quantile(double fraction) const;

  Tally count_;
  double certain_ns_ = 0;
  OnDemand<Sampled> sampled_;
  uint64_t max_ns_ = 0;
  SparseCounts<double, kLifetimeBuckets> counts_;
};

// What is counted of a site and of the whole heap. Blocks that realloc ended count neither as freed
// nor as temporary.
struct HeapMetrics {
  Tally allocations;  // successful calls, realloc included
  Tally bytes;        // asked for by them
  Tally frees;
  Tally temporary;           // freed by the same thread with no other allocation between
  Tally cross_thread_frees;  // freed by another thread
  Tally reallocations;       // blocks that realloc ended
  Tally live_bytes;          // at the end
  Tally live_blocks;
  Tally leaked_bytes;  // live at the end and not suppressed
  Tally leaked_blocks;
  Tally peak_bytes;  // live when the whole heap was largest

  void Merge(const HeapMetrics& other);
  // Of a site's blocks: what none of was seen (freed, leaked, ...) may have been missed.
  void MayMissParts();
  // Of a site that was seen before the heap was sampled with this mean, and never since: more of its blocks may have been
  // missed, such as it has on average.
  void MayMissMore(uint64_t interval_bytes);
  // Of a block that from now on is tracked with another weight: whether it is freed, leaks, ...
  void MayMissEndsOf(double size, Weight weight);
  // Of a heap sampled with this mean: sites of small blocks may have been missed, and a missed block
  // stands for at most so many bytes, whatever its size. How many blocks that is, nothing says, but
  // where none at all was seen: of 0 bytes, one per byte of the interval.
  void MayMissSites(double interval_bytes);
};

// Blocks of some sizes.
struct SizeBucket {
  Tally allocations = {};
  Tally bytes = {};  // asked for
  Tally usable_bytes =
      {};  // what an allocator of known size classes has for them at least; see size_classes.h
};

// What was live at the end of a part of the recording.
struct LiveSlot {
  uint64_t end_ns = 0;
  Tally bytes = {};
};

// A stack and a kind of call.
struct HeapSite {
  StackId stack;
  HeapApi api = HeapApi::kMalloc;
  HeapMetrics metrics = {};
  Lifetimes lifetimes = {};
  SiteEvidence evidence = {};
  const char* suppressed_by = nullptr;  // why what is live here is no leak
  uint64_t merged_sites = 0;  // of which it is made up, where a report groups them; 0: it is itself
};

struct HeapProfile {
  std::vector<HeapSite> sites;  // indexed by SiteId
  HeapMetrics total;
  // Where a view leaves some of it out: of all. Of a view of times or threads only allocations and bytes.
  std::optional<HeapMetrics> whole;
  uint64_t peak_time_ns = 0;
  // Greatest mean of bytes between samples while it was recorded; 0 in full mode.
  uint64_t widest_interval_bytes = 0;
  // Ends of blocks whose beginning was not recorded: from before the recording, or a parent's.
  uint64_t unpaired_frees = 0;
  uint64_t unpaired_reallocs = 0;
  // Blocks that began where one was still live: its end was not recorded.
  uint64_t overlaps = 0;
  // Ends that came later than the beginning of the next block there, within the clocks' skew.
  uint64_t repaired_inversions = 0;
  // In each tick of the recording: calls that began blocks.
  std::array<double, kTicks> calls = {};
  std::array<SizeBucket, kSizeBuckets> sizes = {};
  std::vector<LiveSlot> timeline;     // by time; empty where it is not known how long that was
  std::vector<Handover> handovers;    // most blocks first
  std::vector<LineSharing> sharings;  // most lines first
  EventStacks stacks;                 // of allocations and frees
  // Events whose stack the dump does not define.
  uint64_t undefined_stacks = 0;
  AllocatorCalls timed_calls;
  std::optional<MemoryRecord> memory_at_end;  // nullopt: killed, running, or not allowed to look
  ResidentCourse peak_resident;               // of merged processes: none

  // Adds up the sites; frees include unpaired ones, which are calls too.
  void SumSites();
  // Again, where nothing but what is leaked has changed.
  void SumLeaks();
  // Those for which `left_out` is true are gone: the total is that of the others, and `whole` what it was.
  void LeaveOut(absl::FunctionRef<bool(const HeapSite&)> left_out);
};

const char* Name(HeapApi api);
const char* Name(LockApi api);
const char* Name(LockKind kind);

}  // namespace perfagent
