#include "analyzer/export/stack_metric.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

using enum StackMetric;
constexpr ExportUnit kNumber = ExportUnit::kCount;
constexpr ExportUnit kSize = ExportUnit::kBytes;
constexpr ExportUnit kTime = ExportUnit::kNanoseconds;

// By StackMetric.
constexpr StackMetricTraits kTraits[] = {
    {kAllocations, "allocations", "alloc_objects", "Allocations", kNumber, false},
    {kBytes, "bytes", "alloc_space", "Allocated bytes", kSize, false},
    {kTemporary, "temporary", nullptr, "Temporary allocations", kNumber, false},
    {kLiveBlocks, "live_blocks", "inuse_objects", "Live blocks at the end", kNumber, false},
    {kLiveBytes, "live_bytes", "inuse_space", "Live bytes at the end", kSize, false},
    {kLeakedBlocks, "leaked_blocks", nullptr, "Leaked blocks", kNumber, false},
    {kLeakedBytes, "leaked_bytes", nullptr, "Leaked bytes", kSize, false},
    {kPeakBytes, "peak_bytes", nullptr, "Live bytes at the peak", kSize, false},
    {kContended, "contended", "contentions", "Contended waits", kNumber, true},
    {kWaitNs, "wait_ns", "delay", "Wait time", kTime, true},
    {kBlameNs, "blame_ns", nullptr, "Wait time, by who held the lock", kTime, true},
};

}  // namespace

const char* UnitName(ExportUnit unit, const char* of_count) {
  switch (unit) {
    case ExportUnit::kBytes:
      return "bytes";
    case ExportUnit::kNanoseconds:
      return "nanoseconds";
    case ExportUnit::kCount:
      break;
  }
  return of_count;
}

const StackMetricTraits& Traits(StackMetric metric) { return kTraits[static_cast<size_t>(metric)]; }

std::vector<StackMetric> MetricsOf(bool of_locks) {
  std::vector<StackMetric> metrics;
  for (const StackMetricTraits& traits : kTraits) {
    if (traits.is_of_locks == of_locks) metrics.push_back(traits.metric);
  }
  return metrics;
}

std::optional<std::vector<StackMetric>> ParseStackMetrics(const std::string& name,
                                                          std::string* error) {
  if (name == "heap") return MetricsOf(/*of_locks=*/false);
  if (name == "contention") return MetricsOf(/*of_locks=*/true);
  const auto found =
      std::find_if(std::begin(kTraits), std::end(kTraits), [&](const StackMetricTraits& traits) {
        return name == traits.name || (traits.pprof_name != nullptr && name == traits.pprof_name);
      });
  if (found != std::end(kTraits)) return std::vector{found->metric};
  std::string known = "heap, contention";
  for (const StackMetricTraits& traits : kTraits) {
    absl::StrAppend(&known, ", ", traits.name);
    if (traits.pprof_name != nullptr) absl::StrAppend(&known, " (", traits.pprof_name, ")");
  }
  *error = absl::StrCat("--metric ", name, ": expected one of ", known);
  return std::nullopt;
}

}  // namespace perfagent
