#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// A thread that lost the processor amid a call looks the same: but not one call in a hundred, and of few timed ones not
// several.
constexpr double kTail = 0.99;
constexpr uint64_t kSeveral = 5;

// Calls of one kind, of blocks of like size, of which one in a hundred is slow.
struct SlowCalls {
  AllocatorCall call;
  size_t size_bucket;
  const CallDurations* durations;
};

std::vector<SlowCalls> FindSlowCalls(const AllocatorCalls& calls) {
  std::vector<SlowCalls> slow;
  for (const AllocatorCall call :
       {AllocatorCall::kAllocate, AllocatorCall::kReallocate, AllocatorCall::kFree}) {
    for (size_t i = 0; i < kSizeBuckets; ++i) {
      const CallDurations& durations = calls.Of(call, i);
      const bool is_known = durations.calls.value() >= kManyCalls && durations.slow >= kSeveral;
      if (is_known && durations.distribution.Quantile(kTail) >= kSlowCallNs)
        slow.push_back({call, i, &durations});
    }
  }
  return slow;
}

std::string Describe(const SlowCalls& slow) {
  const std::string size =
      slow.size_bucket == 0
          ? ""
          : absl::StrCat(" of up to ",
                         FormatBytes(static_cast<double>(uint64_t{1} << slow.size_bucket)));
  const WeightedQuantiles& all = slow.durations->distribution;
  return absl::StrCat(Name(slow.call), size, ": ", Count(slow.durations->calls),
                      " calls, half within ", Time(all.Quantile(0.5)), ", 99 % within ",
                      Time(all.Quantile(kTail)), "; ", Time(slow.durations->ns), " in all");
}

}  // namespace

void FindAllocatorLatency(HeapCase* heap, Findings* findings) {
  const std::vector<SlowCalls> slow = FindSlowCalls(heap->heap().timed_calls);
  Estimate ns;
  for (const SlowCalls& calls : slow) ns = SumOf(ns, calls.durations->ns.Interval());
  const double share = ns.low / heap->busy_ns();
  if (share < kWorthTime) return;
  Finding finding;
  finding.kind = "allocator_latency";
  finding.title = "the allocator itself is slow";
  finding.where.allocator = heap->facts().allocator;
  for (const SlowCalls& calls : slow) finding.evidence.push_back(Describe(calls));
  finding.gains.time_ns = OfItsTime(*heap, ns);
  finding.gain = absl::StrCat("up to ", TimeGain(*heap, *finding.gains.time_ns));
  finding.remedy =
      "keep large buffers instead of giving them back (each may be mapped anew), let threads "
      "allocate less or from memory of their own; compare allocators before changing to another";
  finding.confidence = Confidence::kMedium;
  finding.stake = share;
  findings->push_back(std::move(finding));
}

}  // namespace perfagent
