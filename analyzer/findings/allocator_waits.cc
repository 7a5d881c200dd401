#include "analyzer/findings/allocator_waits.h"

#include <algorithm>

#include "analyzer/model/frame_kinds.h"

namespace perfagent {
namespace {

// glibc maps what is larger, and its free unmaps it.
constexpr size_t kGreatestBucket = SizeBucketOf(128 << 10);
// Of the frees: where more are of large blocks, and sizes are not known, it may be these that are slow.
constexpr double kFewLarge = 0.002;

uint64_t AnyCaller(const Lock& lock) {
  if (!lock.callers.empty()) return lock.callers.front().pc;
  return lock.pollers.empty() ? 0 : lock.pollers.front().pc;
}

double LargeBlocks(const HeapProfile& heap) {
  double large = 0;
  for (size_t i = kGreatestBucket + 1; i < kSizeBuckets; ++i)
    large += heap.sizes[i].allocations.value();
  return large;
}

bool IsSlowFree(const HeapProfile& heap, const SlowCalls& slow) {
  if (slow.call != AllocatorCall::kFree) return false;
  return slow.size_bucket != 0 || LargeBlocks(heap) <= kFewLarge * slow.durations->calls.value();
}

}  // namespace

bool IsOfAllocator(const NamedProfile& named, const Lock& lock) {
  const Process& process = named.profile.dump.process;
  const std::string& allocator = process.facts.allocator;
  if (allocator.empty() || allocator == process.facts.executable || IsRuntimeModule(allocator))
    return false;
  const uint64_t caller = AnyCaller(lock);
  const std::optional<ModuleId> module = caller == 0 ? std::nullopt : process.ModuleAt(caller - 1);
  return module && process.modules()[module->value()].path == allocator;
}

std::vector<const Lock*> AllocatorLocks(const NamedProfile& named) {
  std::vector<const Lock*> locks = KnownLocks(named.profile.locks);
  std::erase_if(locks, [&](const Lock* lock) {
    const bool may_be_held = lock->is_lock || lock->kind == LockKind::kFutex;
    return !may_be_held || !IsOfAllocator(named, *lock);
  });
  return locks;
}

bool MayBeWaits(const SlowCalls& slow) { return slow.size_bucket <= kGreatestBucket; }

std::vector<SlowCalls> WaitingCalls(const NamedProfile& named) {
  const HeapProfile& heap = named.profile.heap;
  if (named.profile.dump.process.thread_count() < 2 || !AllocatorLocks(named).empty()) return {};
  std::vector<SlowCalls> slow = FindSlowCalls(heap.timed_calls);
  std::erase_if(slow, [](const SlowCalls& calls) { return !MayBeWaits(calls); });
  const bool do_frees_wait = std::any_of(
      slow.begin(), slow.end(), [&](const SlowCalls& calls) { return IsSlowFree(heap, calls); });
  return do_frees_wait ? slow : std::vector<SlowCalls>();
}

}  // namespace perfagent
