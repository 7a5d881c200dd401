#include "absl/strings/str_cat.h"
#include "analyzer/findings/allocator_waits.h"
#include "analyzer/findings/heap_findings.h"

namespace perfagent {

void FindAllocatorLatency(HeapCase* heap, Findings* findings) {
  std::vector<SlowCalls> slow = FindSlowCalls(heap->heap().timed_calls);
  if (heap->AreWaitsExplained()) std::erase_if(slow, MayBeWaits);
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
