#include "analyzer/export/export_format.h"

#include <algorithm>

namespace perfagent {
namespace {

using Metrics = std::vector<StackMetric>;

bool IsOfLocks(StackMetric metric) { return Traits(metric).is_of_locks; }

bool Any(const Metrics&) { return true; }
bool None(const Metrics&) { return false; }
bool One(const Metrics& metrics) { return metrics.size() == 1; }
// A viewer of several at once has all of a group.
bool Group(const Metrics& metrics) { return metrics == MetricsOf(IsOfLocks(metrics.front())); }
bool HeapGroup(const Metrics& metrics) { return Group(metrics) && !IsOfLocks(metrics.front()); }
bool LockGroup(const Metrics& metrics) { return Group(metrics) && IsOfLocks(metrics.front()); }
bool PprofNamed(const Metrics& metrics) {
  return Group(metrics) || Traits(metrics.front()).pprof_name != nullptr;
}

constexpr ExportFormat kFormats[] = {
    {"pprof", ExportSource::kSums, Compression::kGzip, "heap", PprofNamed, WritePprof},
    {"folded", ExportSource::kSums, Compression::kNone, "bytes", One, WriteFolded},
    {"heaptrack", ExportSource::kEvents, Compression::kNone, "heap", HeapGroup, WriteHeaptrack},
    {"dhat", ExportSource::kBoth, Compression::kNone, "heap", Group, WriteDhat},
    {"speedscope", ExportSource::kSums, Compression::kNone, "", Any, WriteSpeedscope},
    {"callgrind", ExportSource::kSums, Compression::kNone, "", None, WriteCallgrind},
    {"chrome", ExportSource::kBoth, Compression::kNone, "contention", LockGroup, WriteChromeTrace},
};

}  // namespace

std::span<const ExportFormat> ExportFormats() { return kFormats; }

}  // namespace perfagent
