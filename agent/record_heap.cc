#include "agent/record_heap.h"

#include <algorithm>

#include "agent/call_stack.h"
#include "agent/config.h"
#include "agent/live_filter.h"
#include "agent/live_set.h"
#include "agent/real.h"
#include "agent/sampler.h"
#include "agent/slow_path.h"
#include "perfagent/sampling.h"

namespace perfagent::heap {

namespace {

uintptr_t Address(const void* block) { return reinterpret_cast<uintptr_t>(block); }

struct Sample {
  bool taken;
  uint64_t interval_bytes;  // the mean with which it was
  uint32_t limit;           // up to which mean it stays tracked
};
constexpr Sample kNotTaken = {false, 0, 0};

// The mean with which a thread goes on. A pause must not wear the exact state out.
uint64_t NextInterval() {
  const uint64_t interval = budget::Interval();
  return interval == 0 && lifecycle::Paused() ? budget::kUsualInterval : interval;
}

// Has the countdown that ended within this call met a sample?
bool EndCountdown(size_t size, uint64_t next_interval) {
  ThreadState& t = thread_state;
  if (t.interval_bytes != 0) return sampler::EndCountdown(&t, size, next_interval);
  if (next_interval != 0) sampler::DrawCountdown(&t, next_interval);
  return true;
}

// Charges the allocation to the thread's countdown: is it recorded?
Sample Charge(size_t size, bool records_all) {
  ThreadState& t = thread_state;
  if (t.Spend(size)) return kNotTaken;
  if (records_all) return {!lifecycle::Paused(), 0, sampling::kNoLimit};
  const uint64_t interval = t.interval_bytes;
  if (!EndCountdown(size, NextInterval()) || lifecycle::Paused()) return kNotTaken;
  const uint32_t limit = sampler::DrawLimit(&t.random, size, interval);
  // Drawn with a mean that has grown meanwhile: thinned like its elders.
  if (!sampling::StaysTracked(limit, budget::IntervalInForce())) return kNotTaken;
  return {true, interval, limit};
}

// From now on the sample is known to be live, and no denser one is in force than that which it then has. False: it is no
// sample after all, or there is no room, which is counted.
bool PutIntoLiveSet(const void* block, Sample* sample, Stream* stream) {
  const live_set::Room room = live_set::Insert(Address(block), sample->limit);
  if (room == live_set::Room::kFull) counters::Add(Loss::kLiveSetFull);
  if (room != live_set::Room::kEnough) budget::Crowded();
  if (room == live_set::Room::kFull) return false;
  // Read after the insertion: a thinning that is not seen here comes later than this block, and finds it.
  const uint64_t in_force = budget::IntervalInForce();
  if (!sampling::StaysTracked(sample->limit, in_force)) {
    live_set::Remove(Address(block));
    return false;
  }
  sample->interval_bytes = std::max(sample->interval_bytes, sampling::GridFloor(in_force));
  stream->last_sampled = Address(block);
  stream->left_after_sample = thread_state.bytes_left;
  return true;
}

// The limit of a block that is recorded in any case, for the time when not all are.
uint32_t SampleBeside(const void* block, size_t size, Stream* stream) {
  const uint64_t mean = budget::IntervalInForce();
  if (!sampler::EndsGap(&thread_state.random, size, mean, &stream->sample_interval_bytes,
                        &stream->sample_left)) {
    return sampling::kNoLimit;
  }
  Sample sample = {true, mean, sampler::DrawLimit(&thread_state.random, size, mean)};
  return PutIntoLiveSet(block, &sample, stream) ? sample.limit : sampling::kNoLimit;
}

// From now on the block's free is looked for, and `sample` has what its record is to say. False: it is not.
bool Track(const void* block, size_t size, bool records_all, Sample* sample, Stream* stream) {
  stream->last_sampled = 0;
  if (records_all) {
    sample->limit = SampleBeside(block, size, stream);
    // The stream's last thread had begun to sample, and was gone before this one was to.
    if (stream->interval_bytes != 0) stream->DescribeInterval(0);
    return true;
  }
  if (!PutIntoLiveSet(block, sample, stream)) return false;
  stream->DescribeNode();
  stream->DescribeInterval(sample->interval_bytes);
  budget::CountSample(size);
  return true;
}

live_set::Removed Untrack(const void* block, bool records_all) {
  const live_set::Removed sample = live_set::Remove(Address(block));
  return {records_all || sample.was_there, sample.limit};
}

// The same where the thread could not enter the agent: possibly before it was started.
live_set::Removed UntrackOnly(const void* block) {
  if (!lifecycle::IsOn()) return {false, sampling::kNoLimit};
  return live_set::Remove(Address(block));
}

// Most frees that the filter lets through are of a tracked block's neighbours.
bool IsNeighbour(const void* block) {
  if (live_filter::WantsEvery() || live_set::Contains(Address(block))) return false;
  if (Stream* stream = thread_state.stream) ++stream->lookups;
  return true;
}

// No allocation of this thread since it sampled `block`: each would have changed the countdown.
bool FreedAtOnce(const void* block, const Stream* stream) {
  return stream->last_sampled == Address(block) &&
         stream->left_after_sample == thread_state.bytes_left;
}

// The thread follows a lock that it holds. `begin` 0: not known.
[[gnu::noinline]] void CountInSections(size_t size, uint64_t begin, uint64_t end) {
  if (Stream* stream = thread_state.stream)
    sections::CountAllocation(stream, size, begin != 0 && begin < end ? end - begin : 0);
}

// What the allocator made of it; 0: it does not say.
size_t UsableSize(const void* block) {
  return real::usable_size != nullptr ? real::usable_size(const_cast<void*>(block)) : 0;
}

void PutCall(HeapApi api, const Timing& timing, uint64_t end, size_t size, size_t usable,
             uint64_t interval_bytes, Stream* stream) {
  const uint64_t took = end > timing.begin ? end - timing.begin : 0;
  stream->Put(AllocatorCallRecord{api, timing.begin, took, size, usable, TimedRun(interval_bytes),
                                  interval_bytes});
}

// Only of a tracked block it is known that the allocator made it: in full mode it may be of the time before the agent's start.
Timing BeginFree(const void* block, bool records_all, Stream* stream) {
  if (!IsTimedTurn(stream, records_all ? 0 : budget::IntervalInForce())) return {};
  return {clock::Now(), true, records_all ? 0 : UsableSize(block)};
}

}  // namespace

void RecordAlloc(HeapApi api, const void* block, size_t size, HookFrame hook,
                 const Timing& timing) {
  SlowPath path(SlowPath::kHeap, hook.top());
  if (!path) return path.Refuse();
  if (thread_state.watch != 0) [[unlikely]]
    CountInSections(size, timing.begin, path.begin());
  Sample sample = Charge(size, path.records_all());
  if (!sample.taken) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const uint64_t stack = call_stack::Take(stream, hook.Caller());
  if (!Track(block, size, path.records_all(), &sample, stream)) return;
  stream->Put(AllocRecord{api, path.begin(), Address(block), size, stack, sample.limit});
  if (timing.is_sampled)
    PutCall(api, timing, path.begin(), size, UsableSize(block), sample.interval_bytes, stream);
}

Timing RecordFree(HeapApi api, const void* block, HookFrame hook) {
  if (IsNeighbour(block)) return {};
  SlowPath path(SlowPath::kHeap, hook.top());
  if (path.IsNested()) {
    // The block's address may be another's in a moment: it must leave the set even when nothing can be written.
    if (UntrackOnly(block).was_there || live_filter::WantsEvery()) path.Refuse();
    return {};
  }
  if (!path || !Untrack(block, path.records_all()).was_there) return {};
  Stream* stream = streams::Current();
  if (stream == nullptr) return {};
  const uint64_t flags = !path.records_all() && FreedAtOnce(block, stream) ? kFreeTemporary : 0;
  if (!path.records_all()) stream->DescribeNode();
  const uint64_t stack = call_stack::Take(stream, hook.Caller());
  stream->Put(FreeRecord{api, flags, path.begin(), Address(block), stack});
  return BeginFree(block, path.records_all(), stream);
}

void EndFree(HeapApi api, const Timing& timing, HookFrame hook) {
  SlowPath path(SlowPath::kHeap, hook.top());
  Stream* stream = thread_state.stream;
  if (!path || lifecycle::Paused() || stream == nullptr) return;
  const uint64_t interval = path.records_all() ? 0 : budget::IntervalInForce();
  PutCall(api, timing, path.begin(), 0, timing.usable, interval, stream);
}

ReallocClaim ClaimForRealloc(const void* old_block) {
  SlowPath path(SlowPath::kHeap);
  if (path.IsNested()) {
    const live_set::Removed old =
        old_block != nullptr ? UntrackOnly(old_block) : live_set::Removed{};
    return {0, old.was_there, old.limit};
  }
  if (!path || !config.heap) return {};
  const live_set::Removed old =
      old_block != nullptr ? Untrack(old_block, path.records_all()) : live_set::Removed{};
  return {path.begin(), old.was_there, old.limit};
}

void RestoreAfterRealloc(const ReallocClaim& claim, const void* old_block) {
  AgentScope scope;
  if (!claim.tracked || claim.limit == sampling::kNoLimit) return;
  if (live_set::Insert(Address(old_block), claim.limit) == live_set::Room::kFull)
    counters::Add(Loss::kLiveSetFull);
}

void RecordRealloc(HeapApi api, const ReallocClaim& claim, const void* old_block,
                   const void* new_block, size_t size, HookFrame hook) {
  SlowPath path(SlowPath::kHeap, hook.top());
  if (!path) return path.Refuse();
  if (thread_state.watch != 0 && new_block != nullptr) [[unlikely]]
    CountInSections(size, claim.time, path.begin());
  Sample sample = new_block != nullptr ? Charge(size, path.records_all()) : kNotTaken;
  if (!sample.taken && !claim.tracked) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const uint64_t now = path.begin();
  const uint64_t stack = call_stack::Take(stream, hook.Caller());
  if (new_block == nullptr) {
    stream->Put(FreeRecord{api, 0, claim.time, Address(old_block), stack});
    return;
  }
  const bool tracked = sample.taken && Track(new_block, size, path.records_all(), &sample, stream);
  const uint32_t limit = tracked ? sample.limit : sampling::kNoLimit;
  if (old_block == nullptr) {
    if (tracked) stream->Put(AllocRecord{api, now, Address(new_block), size, stack, limit});
    return;
  }
  const uint64_t begin = claim.time != 0 && claim.time < now ? claim.time : now;
  const uint64_t flags = (claim.tracked ? kReallocEndsOld : 0) | (tracked ? kReallocBeginsNew : 0);
  stream->Put(ReallocRecord{api, flags, begin, now - begin, Address(old_block), Address(new_block),
                            size, stack, limit});
}

}  // namespace perfagent::heap
