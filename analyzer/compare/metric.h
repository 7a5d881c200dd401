// metric.h: the figures that are compared and gated, by the names that they have in the JSON report.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace perfagent {

enum class Metric : uint8_t {
  kAllocations,
  kBytes,
  kFrees,
  kTemporary,
  kCrossThreadFrees,
  kReallocations,
  kLiveBytes,
  kLiveBlocks,
  kLeakedBytes,
  kLeakedBlocks,
  kPeakBytes,
  kAcquisitions,
  kContended,
  kWaitNs,
  kHoldNs,
  kHandOverNs,
  kUnattributedNs,
};
inline constexpr size_t kMetrics = static_cast<size_t>(Metric::kUnattributedNs) + 1;

enum class Unit : uint8_t { kCount, kBytes, kNs };

struct MetricTraits {
  const char* name;
  Unit unit;
  bool is_heap;      // of sites; else of locks
  bool is_compared;  // by `diff`; the rest only follows from those, or is for a gate to ask for
  // The threads' timing decides it: two runs of one build differ, however exactly each was recorded.
  bool is_timed;
  Metric whole;   // what it is a share of
  Metric events;  // the number of what it adds up
};

const MetricTraits& Traits(Metric metric);
std::optional<Metric> MetricNamed(std::string_view name);
// "12.3 MiB", "1,234", "5.00 ms".
std::string FormatIn(Unit unit, double value);

// One T for each metric.
template <typename T>
class ByMetric {
 public:
  T& operator[](Metric metric) { return values_[static_cast<size_t>(metric)]; }
  const T& operator[](Metric metric) const { return values_[static_cast<size_t>(metric)]; }

 private:
  std::array<T, kMetrics> values_ = {};
};

template <typename Visit>
void ForEachMetric(Visit visit) {
  for (size_t i = 0; i < kMetrics; ++i) visit(static_cast<Metric>(i));
}

}  // namespace perfagent
