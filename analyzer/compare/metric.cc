#include "analyzer/compare/metric.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr bool kHeap = true, kLock = false;
constexpr bool kCompared = true, kGateOnly = false;
constexpr bool kTimed = true, kCounted = false;

// In the order of Metric.
constexpr MetricTraits kTraits[kMetrics] = {
    {"allocations", Unit::kCount, kHeap, kCompared, kCounted, Metric::kAllocations,
     Metric::kAllocations},
    {"bytes", Unit::kBytes, kHeap, kCompared, kCounted, Metric::kBytes, Metric::kAllocations},
    {"frees", Unit::kCount, kHeap, kGateOnly, kCounted, Metric::kAllocations, Metric::kFrees},
    {"temporary", Unit::kCount, kHeap, kCompared, kCounted, Metric::kAllocations,
     Metric::kTemporary},
    {"cross_thread_frees", Unit::kCount, kHeap, kGateOnly, kCounted, Metric::kAllocations,
     Metric::kCrossThreadFrees},
    {"reallocations", Unit::kCount, kHeap, kGateOnly, kCounted, Metric::kAllocations,
     Metric::kReallocations},
    {"live_bytes", Unit::kBytes, kHeap, kGateOnly, kCounted, Metric::kPeakBytes,
     Metric::kLiveBlocks},
    {"live_blocks", Unit::kCount, kHeap, kGateOnly, kCounted, Metric::kAllocations,
     Metric::kLiveBlocks},
    {"leaked_bytes", Unit::kBytes, kHeap, kCompared, kCounted, Metric::kPeakBytes,
     Metric::kLeakedBlocks},
    {"leaked_blocks", Unit::kCount, kHeap, kCompared, kCounted, Metric::kAllocations,
     Metric::kLeakedBlocks},
    {"peak_bytes", Unit::kBytes, kHeap, kCompared, kCounted, Metric::kPeakBytes,
     Metric::kAllocations},
    {"acquisitions", Unit::kCount, kLock, kGateOnly, kTimed, Metric::kAcquisitions,
     Metric::kAcquisitions},
    {"contended", Unit::kCount, kLock, kCompared, kTimed, Metric::kAcquisitions,
     Metric::kContended},
    {"wait_ns", Unit::kNs, kLock, kCompared, kTimed, Metric::kWaitNs, Metric::kContended},
    {"hold_ns", Unit::kNs, kLock, kGateOnly, kTimed, Metric::kHoldNs, Metric::kAcquisitions},
    {"hand_over_ns", Unit::kNs, kLock, kGateOnly, kTimed, Metric::kWaitNs, Metric::kContended},
    {"unattributed_ns", Unit::kNs, kLock, kGateOnly, kTimed, Metric::kWaitNs, Metric::kContended},
};

}  // namespace

const MetricTraits& Traits(Metric metric) { return kTraits[static_cast<size_t>(metric)]; }

std::optional<Metric> MetricNamed(std::string_view name) {
  for (size_t i = 0; i < kMetrics; ++i) {
    if (kTraits[i].name == name) return static_cast<Metric>(i);
  }
  return std::nullopt;
}

std::string FormatIn(Unit unit, double value) {
  switch (unit) {
    case Unit::kBytes:
      return FormatBytes(value);
    case Unit::kNs:
      return FormatDuration(value);
    case Unit::kCount:
      break;
  }
  // A mean of several runs need not be whole.
  const bool is_whole = value == std::round(value) || value >= 100;
  return is_whole ? FormatCount(value) : absl::StrFormat("%.2f", value);
}

}  // namespace perfagent
