#include "analyzer/model/allocator_calls.h"

namespace perfagent {
namespace {

bool IsFree(HeapApi api) {
  return api == HeapApi::kFree || api == HeapApi::kFreeSized || api == HeapApi::kFreeAlignedSized ||
         api >= HeapApi::kDelete;
}

// One of `every` calls of which each stands for others already. With what it is timed is nothing that its duration or size
// depends on: the variance is that of one drawn with the product of both probabilities.
Weight WeightOf(const AllocatorCallRecord& record) {
  const uint64_t bytes = record.size != 0 ? record.size : record.usable;
  const double every = record.every > 0 ? static_cast<double>(record.every) : 1;
  return Weight::OfProbability(1 / (every * Weight::OfBlock(bytes, record.interval_bytes).factor));
}

}  // namespace

void CallDurations::Add(uint64_t duration_ns, Weight weight) {
  calls.Add(1, weight);
  ns.Add(static_cast<double>(duration_ns), weight);
  slow += duration_ns >= kSlowCallNs;
  distribution.Add(duration_ns, weight.factor);
}

void CallDurations::Merge(const CallDurations& other) {
  calls.Merge(other.calls);
  ns.Merge(other.ns);
  slow += other.slow;
  distribution.Merge(other.distribution);
}

void AllocatorCalls::Add(const AllocatorCallRecord& record) {
  const Weight weight = WeightOf(record);
  const AllocatorCall call = IsFree(record.api) ? AllocatorCall::kFree : AllocatorCall::kAllocate;
  const uint64_t bytes = call == AllocatorCall::kFree ? record.usable : record.size;
  durations_[static_cast<size_t>(call)][SizeBucketOf(bytes)].Add(record.duration, weight);
  if (call == AllocatorCall::kFree || record.usable < record.size) return;
  asked_.Add(static_cast<double>(record.size), weight);
  usable_.Add(static_cast<double>(record.usable), weight);
}

void AllocatorCalls::AddRealloc(uint64_t size, uint64_t duration_ns, Weight weight) {
  durations_[static_cast<size_t>(AllocatorCall::kReallocate)][SizeBucketOf(size)].Add(duration_ns,
                                                                                      weight);
}

void AllocatorCalls::Merge(const AllocatorCalls& other) {
  for (size_t call = 0; call < kAllocatorCalls; ++call) {
    for (size_t i = 0; i < kSizeBuckets; ++i) durations_[call][i].Merge(other.durations_[call][i]);
  }
  asked_.Merge(other.asked_);
  usable_.Merge(other.usable_);
}

CallDurations AllocatorCalls::Of(AllocatorCall call) const {
  CallDurations all;
  for (const CallDurations& durations : durations_[static_cast<size_t>(call)]) all.Merge(durations);
  return all;
}

bool AllocatorCalls::IsEmpty() const {
  for (size_t call = 0; call < kAllocatorCalls; ++call) {
    if (!Of(static_cast<AllocatorCall>(call)).calls.IsEmpty()) return false;
  }
  return true;
}

const char* Name(AllocatorCall call) {
  switch (call) {
    case AllocatorCall::kAllocate:
      return "malloc";
    case AllocatorCall::kReallocate:
      return "realloc";
    case AllocatorCall::kFree:
      return "free";
  }
  return "";
}

}  // namespace perfagent
