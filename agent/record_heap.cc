#include "agent/record_heap.h"

#include "agent/agent_scope.h"
#include "agent/call_stack.h"
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/lifecycle.h"
#include "agent/live_set.h"
#include "agent/sampler.h"

namespace perfagent::heap {

namespace {

uintptr_t Address(const void* block) { return reinterpret_cast<uintptr_t>(block); }

struct Sample {
  bool taken;
  uint64_t interval_bytes;  // the mean with which it was
};

// Charges the allocation to the thread's countdown: is it recorded?
Sample Charge(size_t size) {
  ThreadState& t = thread_state;
  const uint64_t interval = t.interval_bytes;
  if (t.Spend(size)) return {false, interval};
  const bool taken =
      lifecycle::FullMode() || sampler::EndCountdown(&t, size, lifecycle::Interval());
  return {taken && !lifecycle::Paused(), interval};
}

// From now on the block's free is looked for. False: no room, the sample is dropped and counted.
bool Track(const void* block, const Sample& sample, Stream* stream) {
  if (lifecycle::FullMode()) return true;
  if (!live_set::Insert(Address(block))) {
    counters::Add(Loss::kLiveSetFull);
    return false;
  }
  stream->last_sampled = Address(block);
  stream->left_after_sample = thread_state.bytes_left;
  stream->DescribeInterval(sample.interval_bytes);
  return true;
}

bool Untrack(const void* block) {
  return lifecycle::FullMode() || live_set::Remove(Address(block));
}

// The same where the thread could not enter the agent: possibly before it was started.
bool UntrackOnly(const void* block) {
  return lifecycle::IsOn() && !lifecycle::FullMode() && live_set::Remove(Address(block));
}

// No allocation of this thread since it sampled `block`: each would have changed the countdown.
bool FreedAtOnce(const void* block, const Stream* stream) {
  return !lifecycle::FullMode() && stream->last_sampled == Address(block) &&
         stream->left_after_sample == thread_state.bytes_left;
}

}  // namespace

void RecordAlloc(HeapApi api, const void* block, size_t size) {
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (!lifecycle::Enter()) return;
  const Sample sample = Charge(size);
  if (!sample.taken) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const uint64_t now = clock::Now();
  const uint64_t stack = call_stack::Take(stream, whole_walk::Capture());
  if (!Track(block, sample, stream)) return;
  stream->Put(AllocRecord{api, now, Address(block), size, stack});
}

void RecordFree(HeapApi api, const void* block) {
  AgentScope scope;
  if (!scope) {
    // The block's address may be another's in a moment: it must leave the set even when nothing can be written.
    if (lifecycle::FullMode() || UntrackOnly(block)) lifecycle::Refused();
    return;
  }
  if (!lifecycle::Enter() || !Untrack(block)) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const uint64_t now = clock::Now();
  const uint64_t flags = FreedAtOnce(block, stream) ? kFreeTemporary : 0;
  const uint64_t stack = call_stack::Take(stream, whole_walk::Capture());
  stream->Put(FreeRecord{api, flags, now, Address(block), stack});
}

ReallocClaim ClaimForRealloc(const void* old_block) {
  AgentScope scope;
  if (!scope) return {0, old_block != nullptr && UntrackOnly(old_block)};
  if (!lifecycle::Enter()) return {0, false};
  return {clock::Now(), old_block != nullptr && Untrack(old_block)};
}

void RestoreAfterRealloc(const ReallocClaim& claim, const void* old_block) {
  AgentScope scope;
  if (!claim.tracked || lifecycle::FullMode()) return;
  if (!live_set::Insert(Address(old_block))) counters::Add(Loss::kLiveSetFull);
}

void RecordRealloc(HeapApi api, const ReallocClaim& claim, const void* old_block,
                   const void* new_block, size_t size) {
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (!lifecycle::Enter()) return;
  const Sample sample = new_block != nullptr ? Charge(size) : Sample{};
  if (!sample.taken && !claim.tracked) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const uint64_t now = clock::Now();
  const uint64_t stack = call_stack::Take(stream, whole_walk::Capture());
  if (new_block == nullptr) {
    stream->Put(FreeRecord{api, 0, claim.time, Address(old_block), stack});
    return;
  }
  const bool tracked = sample.taken && Track(new_block, sample, stream);
  if (old_block == nullptr) {
    if (tracked) stream->Put(AllocRecord{api, now, Address(new_block), size, stack});
    return;
  }
  const uint64_t begin = claim.time != 0 && claim.time < now ? claim.time : now;
  const uint64_t flags = (claim.tracked ? kReallocEndsOld : 0) | (tracked ? kReallocBeginsNew : 0);
  stream->Put(ReallocRecord{api, flags, begin, now - begin, Address(old_block), Address(new_block),
                            size, stack});
}

}  // namespace perfagent::heap
