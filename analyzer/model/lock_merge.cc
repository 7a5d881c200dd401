#include "analyzer/model/lock_merge.h"

#include <algorithm>
#include <vector>

namespace perfagent {
namespace {

// Adds what is under one key in both, and what `more` has besides. Afterwards those with the greatest rank come first.
template <typename T, typename SameKey, typename Add, typename Rank>
void MergeParts(const std::vector<T>& more, std::vector<T>* parts, SameKey same, Add add,
                Rank rank) {
  for (const T& other : more) {
    const auto found = std::find_if(parts->begin(), parts->end(),
                                    [&](const T& part) { return same(part, other); });
    if (found == parts->end()) {
      parts->push_back(other);
    } else {
      add(&*found, other);
    }
  }
  std::stable_sort(parts->begin(), parts->end(),
                   [&](const T& a, const T& b) { return rank(a) > rank(b); });
}

void MergeStacks(const Lock& other, Lock* lock) {
  const auto add = [](auto* a, const auto& b) {
    a->waits.Merge(b.waits);
    a->wait_ns.Merge(b.wait_ns);
    a->history.Merge(b.history);
  };
  const auto rank = [](const auto& part) { return part.wait_ns.value(); };
  MergeParts(
      other.waits, &lock->waits,
      [](const LockWaits& a, const LockWaits& b) { return a.stack == b.stack; }, add, rank);
  MergeParts(
      other.pairs, &lock->pairs,
      [](const LockPair& a, const LockPair& b) {
        return a.waiter == b.waiter && a.holder == b.holder;
      },
      add, rank);
}

void MergeTables(const Lock& other, Lock* lock) {
  MergeParts(
      other.callers, &lock->callers,
      [](const LockCaller& a, const LockCaller& b) { return a.pc == b.pc && a.api == b.api; },
      [](LockCaller* a, const LockCaller& b) {
        a->contended += b.contended;
        a->wait_ns += b.wait_ns;
        a->doubt.Add(b.doubt);
      },
      [](const LockCaller& caller) { return caller.wait_ns; });
  MergeParts(
      other.releasers, &lock->releasers,
      [](const LockReleaser& a, const LockReleaser& b) { return a.pc == b.pc; },
      [](LockReleaser* a, const LockReleaser& b) {
        a->released += b.released;
        a->doubt.Add(b.doubt);
      },
      [](const LockReleaser& releaser) { return releaser.released; });
  MergeParts(
      other.pollers, &lock->pollers,
      [](const LockPoller& a, const LockPoller& b) { return a.pc == b.pc; },
      [](LockPoller* a, const LockPoller& b) {
        a->refused += b.refused;
        a->doubt.Add(b.doubt);
      },
      [](const LockPoller& poller) { return poller.refused; });
  MergeParts(
      other.threads, &lock->threads,
      [](const LockThread& a, const LockThread& b) { return a.tid == b.tid; },
      [](LockThread* a, const LockThread& b) {
        a->waits.Add(b.waits.contended, b.waits.wait_ns);
        a->doubt.Add(b.doubt);
      },
      [](const LockThread& thread) { return thread.waits.wait_ns; });
}

}  // namespace

void Merge(const Lock& other, Lock* lock) {
  lock->contended += other.contended;
  lock->wait_ns += other.wait_ns;
  lock->longest_wait_ns = std::max(lock->longest_wait_ns, other.longest_wait_ns);
  lock->readers.Add(other.readers.contended, other.readers.wait_ns);
  lock->at_address.Add(other.at_address.contended, other.at_address.wait_ns);
  lock->released += other.released;
  lock->refused += other.refused;
  lock->sampled_acquisitions.Merge(other.sampled_acquisitions);
  lock->kept.Merge(other.kept);
  lock->wait_distribution.Merge(other.wait_distribution);
  lock->cuts.Merge(other.cuts);
  lock->hand_over_ns.Merge(other.hand_over_ns);
  lock->unattributed_ns.Merge(other.unattributed_ns);
  lock->reacquire_ns.Merge(other.reacquire_ns);
  if (!other.holds->sections.IsEmpty()) lock->holds.Make().Merge(*other.holds);
  MergeStacks(other, lock);
  MergeTables(other, lock);
}

}  // namespace perfagent
