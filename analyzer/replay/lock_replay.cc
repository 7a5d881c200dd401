#include "analyzer/replay/lock_replay.h"

#include <algorithm>

namespace perfagent {

void LockReplay::OnTables(std::span<const LockTableEntry> entries) {
  LockDivision division(process_, profile_.locks);
  for (const LockTableEntry& entry : entries) {
    const std::span<const LockId> locks = division.LocksAt(entry);
    if (locks.size() > 1) {
      division.Add(entry);
    } else {
      Add({locks.empty() ? LockOf(entry) : locks.front(), entry});
    }
  }
  for (const TableShare& share : division.Shares()) Add(share);
}

LockId LockReplay::LockOf(const LockTableEntry& entry) {
  const LockKind kind = KindOf(entry.api);
  const bool is_known = lock_in_.contains({entry.lock, kind, 0});
  return LockIn(is_known ? LockPlace() : places_.Only(entry.lock), entry.lock, kind);
}

void LockReplay::Add(const TableShare& share) {
  const LockTableEntry& entry = share.entry;
  if (entry.contended != 0 || share.doubt.more.contended != 0) AddWaits(share);
  if (entry.released != 0 || share.release_doubt.more != 0) AddReleases(share);
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
  if (IsRead(entry.api)) lock.readers.Add(entry.contended, entry.wait_ns);
}

void LockReplay::AddReleases(const TableShare& share) {
  const LockTableEntry& entry = share.entry;
  Lock& lock = profile_.locks[share.lock.value()];
  const auto [found, is_new] =
      releaser_at_.try_emplace({share.lock, entry.caller}, lock.releasers.size());
  if (is_new) lock.releasers.push_back({.pc = entry.caller});
  LockReleaser& releaser = lock.releasers[found->second];
  releaser.released += entry.released;
  releaser.doubt.Add(share.release_doubt);
  lock.released += entry.released;
}

void LockReplay::OnAcquisitions(uint64_t acquisitions) {
  profile_.acquisitions.Add(static_cast<double>(acquisitions), Weight());
}

void LockReplay::OnEvent(const LockWaitRecord& record, std::span<const WaitCut>) {
  const LockId id = LockAt(record.lock, record.api);
  const StackId stack = StackOf(record.stack);
  Lock& lock = profile_.locks[id.value()];
  const auto [found, is_new] = waits_at_.try_emplace({id, stack}, lock.waits.size());
  if (is_new) lock.waits.push_back({.stack = stack});
  LockWaits& waits = lock.waits[found->second];
  const double wait_ns = static_cast<double>(record.wait);
  const Weight weight =
      record.interval != 0 ? Weight::OfAmount(wait_ns, record.interval) : Weight();
  waits.waits.Add(1, weight);
  waits.wait_ns.Add(wait_ns, weight);
  lock.longest_wait_ns = std::max(lock.longest_wait_ns, record.wait);
  const auto [first, is_first] = first_wait_ns_.try_emplace(id, record.time);
  if (is_first || record.time < first->second) {
    first->second = record.time;
    lock.first_wait = stack;
  }
}

void LockReplay::OnEvent(const LockReleaseRecord&) {}

void LockReplay::OnEvent(const LockSectionRecord&) {}

void LockReplay::OnEvent(const LockAcquireRecord& record) {
  if (record.interval == 0) return;
  const Weight weight = Weight::OfEvery(record.interval);
  profile_.locks[LockAt(record.lock, record.api).value()].sampled_acquisitions.Add(1, weight);
  profile_.acquisitions.Add(1, weight);
}

LockProfile LockReplay::Finish() {
  for (Lock& lock : profile_.locks) {
    // A wait may be kept that no table had room for; what was seen happened.
    double waits = 0;
    double wait_ns = 0;
    for (const LockWaits& kept : lock.waits) {
      waits += kept.waits.seen();
      wait_ns += kept.wait_ns.seen();
    }
    if (const auto kept = static_cast<uint64_t>(waits); kept > lock.contended) {
      lock.contended = kept;
      lock.wait_ns = std::max(lock.wait_ns, static_cast<uint64_t>(std::min(wait_ns, 1e19)));
    }
    std::stable_sort(lock.waits.begin(), lock.waits.end(),
                     [](const LockWaits& a, const LockWaits& b) {
                       return a.wait_ns.value() > b.wait_ns.value();
                     });
    std::stable_sort(
        lock.callers.begin(), lock.callers.end(),
        [](const LockCaller& a, const LockCaller& b) { return a.wait_ns > b.wait_ns; });
    std::stable_sort(
        lock.releasers.begin(), lock.releasers.end(),
        [](const LockReleaser& a, const LockReleaser& b) { return a.released > b.released; });
    profile_.contended += lock.contended;
    profile_.wait_ns += lock.wait_ns;
  }
  if (process_.facts.IsSampled() && process_.facts.locks_enabled) {
    profile_.acquisitions.MayMiss(Weight::OfEvery(process_.facts.acquire_interval).factor);
  }
  return std::move(profile_);
}

LockId LockReplay::LockIn(const LockPlace& place, uint64_t address, LockKind kind) {
  const auto [found, is_new] =
      lock_in_.try_emplace({address, kind, place.generation}, LockId(profile_.locks.size()));
  if (is_new) {
    profile_.locks.push_back({.address = address, .kind = kind, .generation = place.generation});
  }
  // Sampling may have dropped the block meanwhile.
  profile_.locks[found->second.value()].allocation = place.allocation;
  return found->second;
}

StackId LockReplay::StackOf(uint64_t dump_stack) {
  const KnownStack& stack = process_.LookUpStack(dump_stack);
  profile_.stacks.Count(stack);
  profile_.undefined_stacks += !stack.IsDefined();
  return stack.stack();
}

}  // namespace perfagent
