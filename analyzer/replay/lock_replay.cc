#include "analyzer/replay/lock_replay.h"

#include <algorithm>
#include <cmath>

#include "analyzer/replay/deadlocks.h"
#include "analyzer/replay/kept_counts.h"
#include "analyzer/replay/lock_holds.h"

namespace perfagent {
namespace {

// By what `key` says, greatest first.
template <typename T, typename Key>
void SortDescending(std::vector<T>* things, Key key) {
  std::stable_sort(things->begin(), things->end(),
                   [key](const T& a, const T& b) { return key(a) > key(b); });
}

}  // namespace

void LockReplay::OnTables(std::span<const LockTableEntry> entries) {
  if (is_view_) {
    profile_.tables.emplace();
    for (const LockTableEntry& entry : entries) AddToWhole(entry);
    return;
  }
  LockDivision division(process_, profile_.locks);
  for (const LockTableEntry& entry : entries) {
    const std::span<const LockId> locks = division.LocksAt(entry);
    if (locks.size() > 1) {
      division.Add(entry);
      continue;
    }
    const LockId id = locks.empty() ? LockOf(entry) : locks.front();
    Add({.lock = id, .entry = entry});
    if (entry.contended != 0) AddThread({id, entry.thread, {entry.contended, entry.wait_ns}});
  }
  division.ForEachShare([this](const TableShare& share) { Add(share); });
  division.ForEachThreadShare([this](const ThreadShare& share) { AddThread(share); });
}

void LockReplay::AddToWhole(const LockTableEntry& entry) {
  const LockKind kind = KindOf(entry.api);
  if (IsLock(kind)) {
    profile_.tables->Add(entry.contended, entry.wait_ns);
  } else if (const auto found = lock_in_.find(Key{entry.lock, kind, 0}); found != lock_in_.end()) {
    profile_.locks[found->second.value()].at_address.Add(entry.contended, entry.wait_ns);
  }
}

LockId LockReplay::LockOf(const LockTableEntry& entry) {
  const bool is_known = lock_in_.contains(Key{entry.lock, KindOf(entry.api), 0});
  return LockIn(is_known ? LockPlace() : places_.Only(entry.lock), entry.lock, entry.api);
}

void LockReplay::Add(const TableShare& share) {
  const LockTableEntry& entry = share.entry;
  if (entry.contended != 0 || share.doubt.more.contended != 0) AddWaits(share);
  if (entry.released != 0 || share.release_doubt.more != 0) AddReleases(share);
  if (entry.refused != 0 || share.refusal_doubt.more != 0) AddRefusals(share);
}

void LockReplay::AddWaits(const TableShare& share) {
  const LockTableEntry& entry = share.entry;
  Lock& lock = profile_.locks[share.lock.value()];
  const auto [found, is_new] =
      caller_at_.try_emplace({share.lock, entry.caller, entry.api}, lock.callers.size());
  if (is_new) lock.callers.push_back({.pc = entry.caller, .api = entry.api});
  LockCaller& caller = lock.callers[found->second];
  caller.contended += entry.contended;
  caller.wait_ns += entry.wait_ns;
  caller.doubt.Add(share.doubt);
  lock.contended += entry.contended;
  lock.wait_ns += entry.wait_ns;
  lock.longest_wait_ns = std::max(lock.longest_wait_ns, entry.longest_wait_ns);
  if (IsRead(entry.api)) lock.readers.Add(entry.contended, entry.wait_ns);
}

void LockReplay::AddReleases(const TableShare& share) {
  const LockTableEntry& entry = share.entry;
  Lock& lock = profile_.locks[share.lock.value()];
  const auto [found, is_new] =
      releaser_at_.try_emplace({share.lock, entry.caller, entry.api}, lock.releasers.size());
  if (is_new) lock.releasers.push_back({.pc = entry.caller, .api = entry.api});
  LockReleaser& releaser = lock.releasers[found->second];
  releaser.released += entry.released;
  releaser.doubt.Add(share.release_doubt);
  lock.released += entry.released;
}

void LockReplay::AddRefusals(const TableShare& share) {
  const LockTableEntry& entry = share.entry;
  Lock& lock = profile_.locks[share.lock.value()];
  if (lock.kind == LockKind::kCondition) {
    lock.futile_wakes += entry.refused;
    return lock.futile_doubt.Add(share.refusal_doubt);
  }
  const auto [found, is_new] =
      poller_at_.try_emplace({share.lock, entry.caller}, lock.pollers.size());
  if (is_new) lock.pollers.push_back({.pc = entry.caller});
  LockPoller& poller = lock.pollers[found->second];
  poller.refused += entry.refused;
  poller.doubt.Add(share.refusal_doubt);
  lock.refused += entry.refused;
}

void LockReplay::AddThread(const ThreadShare& share) {
  Lock& lock = profile_.locks[share.lock.value()];
  const auto [found, is_new] =
      thread_at_.try_emplace({share.lock, share.thread}, lock.threads.size());
  if (is_new) lock.threads.push_back({.tid = share.thread});
  LockThread& thread = lock.threads[found->second];
  thread.waits.Add(share.waits.contended, share.waits.wait_ns);
  thread.doubt.Add(share.doubt);
}

void LockReplay::OnUnended(const OngoingEntry& entry) {
  const LockId id = LockAt(entry.lock, entry.api);
  const StackId stack = process_.FindStack(entry.stack).value_or(kNoStack);
  profile_.unended.push_back({.lock = id,
                              .api = entry.api,
                              .begin_ns = entry.begin_ns,
                              .tid = entry.thread,
                              .owner_tid = entry.owner,
                              .caller = entry.caller,
                              .stack = stack});
  NoteFirstWait(id, entry.begin_ns, stack);
}

void LockReplay::OnAcquisitions(uint64_t acquisitions) {
  if (!is_view_) profile_.acquisitions.Add(static_cast<double>(acquisitions), Weight());
}

void LockReplay::OnEvent(uint32_t, const LockWaitRecord& record, std::span<const WaitCut> cuts) {
  const LockId id = LockAt(record.lock, record.api);
  const StackId stack = StackOf(record.stack);
  Lock& lock = profile_.locks[id.value()];
  const auto [found, is_new] = waits_at_.try_emplace({id, stack}, lock.waits.size());
  if (is_new) lock.waits.push_back({.stack = stack, .api = record.api});
  LockWaits& waits = lock.waits[found->second];
  const double wait_ns = static_cast<double>(record.wait);
  const Weight weight = Weight::OfAmount(wait_ns, record.interval);
  waits.waits.Add(1, weight);
  waits.wait_ns.Add(wait_ns, weight);
  waits.history.Add(record.time, record.wait, weight.factor,
                    SlotWidthNs(process_.facts.duration_ns));
  lock.wait_distribution.Add(record.wait, weight.factor);
  lock.longest_wait_ns = std::max(lock.longest_wait_ns, record.wait);
  NoteFirstWait(id, record.time, stack);
  blame_.OnWait(id, stack, weight, record, cuts);
}

void LockReplay::OnEvent(uint32_t stream, const LockReleaseRecord& record) {
  blame_.OnRelease(stream, record);
}

void LockReplay::OnEvent(uint32_t, const LockSectionRecord& record) {
  if ((record.flags & kSectionContended) == 0) {
    widest_section_interval_ = std::max(widest_section_interval_, record.interval);
  }
  AddSection(record, &profile_.locks[LockAt(record.lock, record.api).value()].holds.Make());
}

void LockReplay::OnEvent(uint32_t, const LockAcquireRecord& record) {
  if (!IsTry(record.api)) {
    orders_.Add(record.outer, record.lock, process_.FindStack(record.stack).value_or(kNoStack));
  }
  if (record.interval == 0) return;
  widest_interval_ = std::max(widest_interval_, record.interval);
  const Weight weight = Weight::OfEvery(record.interval);
  profile_.locks[LockAt(record.lock, record.api).value()].sampled_acquisitions.Add(1, weight);
  profile_.acquisitions.Add(1, weight);
}

LockProfile LockReplay::Finish() {
  blame_.Finish();
  for (Lock& lock : profile_.locks) FinishLock(&lock);
  std::stable_sort(
      profile_.unended.begin(), profile_.unended.end(),
      [](const UnendedWait& a, const UnendedWait& b) { return a.begin_ns < b.begin_ns; });
  profile_.deadlocks = FindDeadlocks(profile_.unended);
  profile_.order_cycles = orders_.FindCycles();
  profile_.SumLocks();
  if (process_.facts.IsSampled() && process_.facts.locks_enabled) {
    const uint64_t interval = std::max(widest_interval_, process_.facts.acquire_interval);
    profile_.acquisitions.MayMiss(std::sqrt(Weight::OfEvery(interval).spread));
  }
  return std::move(profile_);
}

void LockReplay::FinishLock(Lock* lock) {
  if (is_view_) CountKeptWaits(process_, lock);
  // Where all are kept, the tables' sum of ticks is the same time, rounded another way. More are kept where no table had room;
  // what was seen happened.
  if (lock->kept.waits == lock->contended) lock->wait_ns = lock->kept.wait_ns;
  lock->contended = std::max(lock->contended, lock->kept.waits);
  lock->wait_ns = std::max(lock->wait_ns, lock->kept.wait_ns);
  const bool are_all_readers = lock->readers.contended == lock->contended;
  if (are_all_readers || lock->readers.wait_ns > lock->wait_ns) {
    lock->readers.wait_ns = lock->wait_ns;
  }
  // Where all waits are kept, one that is not was lost.
  if (!process_.facts.IsSampled() && lock->kept.waits < lock->contended) {
    const uint64_t lost_ns = lock->wait_ns - std::min(lock->wait_ns, lock->kept.wait_ns);
    lock->unattributed_ns.AddCertain(static_cast<double>(lost_ns));
  }
  if (widest_section_interval_ > 1 && !lock->holds->sections.IsEmpty()) {
    lock->holds.Make().sections.MayMiss(Weight::OfEvery(widest_section_interval_).factor);
  }
  SortDescending(&lock->waits, [](const LockWaits& waits) { return waits.wait_ns.value(); });
  SortDescending(&lock->pairs, [](const LockPair& pair) { return pair.wait_ns.value(); });
  SortDescending(&lock->callers, [](const LockCaller& caller) { return caller.wait_ns; });
  SortDescending(&lock->releasers, [](const LockReleaser& releaser) { return releaser.released; });
  SortDescending(&lock->pollers, [](const LockPoller& poller) { return poller.refused; });
  SortDescending(&lock->threads, [](const LockThread& thread) { return thread.waits.wait_ns; });
}

LockId LockReplay::LockIn(const LockPlace& place, uint64_t address, LockApi api) {
  const LockKind kind = KindOf(api);
  const auto [found, is_new] =
      lock_in_.try_emplace(Key{address, kind, place.generation}, LockId(profile_.locks.size()));
  if (is_new) {
    profile_.locks.push_back({.address = address,
                              .kind = kind,
                              .generation = place.generation,
                              .is_lock = IsLock(kind)});
  }
  Lock& lock = profile_.locks[found->second.value()];
  // Sampling may have dropped the block meanwhile.
  lock.allocation = place.allocation;
  // A futex that the kernel hands from owner to owner.
  if (api == LockApi::kFutexLock) lock.is_lock = true;
  return found->second;
}

void LockReplay::NoteFirstWait(LockId id, uint64_t time_ns, StackId stack) {
  const auto [first, is_first] = first_wait_ns_.try_emplace(id, time_ns);
  if (!is_first && time_ns >= first->second) return;
  first->second = time_ns;
  profile_.locks[id.value()].first_wait = stack;
}

StackId LockReplay::StackOf(uint64_t dump_stack) {
  const KnownStack& stack = process_.LookUpStack(dump_stack);
  profile_.stacks.Count(stack);
  profile_.undefined_stacks += !stack.IsDefined();
  return stack.stack();
}

}  // namespace perfagent
