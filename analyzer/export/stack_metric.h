// stack_metric.h: what exports measure of a stack, by the names that reports and Go's pprof have for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perfagent {

enum class StackMetric : uint8_t {
  kAllocations,
  kBytes,
  kTemporary,
  kLiveBlocks,
  kLiveBytes,
  kLeakedBlocks,
  kLeakedBytes,
  kPeakBytes,
  kContended,
  kWaitNs,
  kBlameNs,  // of who held the lock, or gave it away, while others waited
};

enum class ExportUnit : uint8_t { kCount, kBytes, kNanoseconds };

// As viewers spell it. What a mere count has for a unit differs between formats.
const char* UnitName(ExportUnit unit, const char* of_count);

struct StackMetricTraits {
  StackMetric metric;
  const char* name;        // as in JSON reports
  const char* pprof_name;  // null: pprof has no such thing
  const char* title;
  ExportUnit unit;
  bool is_of_locks;
};

const StackMetricTraits& Traits(StackMetric metric);

// Those of the heap, or of locks, in the order of the enum.
std::vector<StackMetric> MetricsOf(bool of_locks);

// What a --metric names: "heap" and "contention" are all of theirs, other names one. Nullopt: it is none; *error then says
// what there is.
std::optional<std::vector<StackMetric>> ParseStackMetrics(const std::string& name,
                                                          std::string* error);

}  // namespace perfagent
