#include "analyzer/replay/lock_division.h"

#include <algorithm>
#include <cmath>

namespace perfagent {
namespace {

// A damaged file's waits may be of any length.
uint64_t Whole(double value) { return static_cast<uint64_t>(std::clamp(value, 0.0, 1e18)); }

SeenPart PartOf(const Tally& kept) { return {kept.seen(), kept.value() - kept.seen()}; }

DividedPart PartOf(uint64_t value, uint64_t fewer, uint64_t more) {
  return {value, value - fewer, value + more};
}

CountDoubt DoubtOf(const DividedPart& part) {
  return {part.value - part.low, part.high - part.value};
}

Doubt DoubtOf(const DividedPart& contended, const DividedPart& wait_ns) {
  return {.fewer = {contended.value - contended.low, wait_ns.value - wait_ns.low},
          .more = {contended.high - contended.value, wait_ns.high - wait_ns.value}};
}

// What is both the thread's and the lock's, of `all`: at least what does not fit into all of the others'.
DividedPart Common(uint64_t of_thread, const DividedPart& of_lock, uint64_t all) {
  const uint64_t of_others = all - std::min(all, of_thread);
  const uint64_t low = of_lock.low - std::min(of_lock.low, of_others);
  const uint64_t high = std::min(of_thread, of_lock.high);
  const double share =
      static_cast<double>(of_lock.value) / static_cast<double>(std::max<uint64_t>(all, 1));
  const uint64_t value = Whole(std::round(static_cast<double>(of_thread) * share));
  return {std::min(std::max(value, low), high), std::min(low, high), high};
}

}  // namespace

std::vector<DividedPart> Divide(uint64_t total, std::span<const SeenPart> parts) {
  uint64_t seen = 0;
  double weight = 0;
  for (const SeenPart& part : parts) {
    seen += Whole(part.seen);
    weight += part.weight;
  }
  const uint64_t rest = total - std::min(total, seen);
  uint64_t left = rest;
  std::vector<DividedPart> divided;
  for (const SeenPart& part : parts) {
    const bool is_last = divided.size() + 1 == parts.size();
    const double share = weight > 0 ? part.weight / weight : 0;
    const uint64_t more = is_last ? left : std::min(left, Whole(static_cast<double>(rest) * share));
    left -= more;
    const uint64_t low = Whole(part.seen);
    divided.push_back({low + more, low, low + rest});
  }
  return divided;
}

LockDivision::LockDivision(const Process& process, const std::deque<Lock>& locks)
    : process_(process), locks_(locks) {
  for (const Lock& lock : locks) {
    if (lock.generation != 0) locks_at_[{lock.address, lock.kind}];
  }
  for (size_t i = 0; i < locks.size(); ++i) {
    const auto found = locks_at_.find({locks[i].address, locks[i].kind});
    if (found != locks_at_.end()) found->second.push_back(LockId(i));
  }
  if (process.facts.IsSampled()) return;
  const auto has_waits = [&](LockId id) { return !locks[id.value()].waits.empty(); };
  for (auto& [address, at] : locks_at_) {
    if (std::none_of(at.begin(), at.end(), has_waits)) continue;
    std::erase_if(at, [&](LockId id) { return !has_waits(id); });
  }
}

std::span<const LockId> LockDivision::LocksAt(const LockTableEntry& entry) const {
  const auto found = locks_at_.find({entry.lock, KindOf(entry.api)});
  if (found == locks_at_.end()) return {};
  return found->second;
}

void LockDivision::Add(const LockTableEntry& entry) {
  const Address address = {entry.lock, KindOf(entry.api)};
  if (entry.contended != 0)
    thread_sums_[{address, entry.thread}].Add(entry.contended, entry.wait_ns);
  LockTableEntry& sum = sums_[{entry.lock, entry.caller, entry.api}];
  sum.lock = entry.lock;
  sum.caller = entry.caller;
  sum.api = entry.api;
  sum.contended += entry.contended;
  sum.wait_ns += entry.wait_ns;
  sum.released += entry.released;
  sum.refused += entry.refused;
}

void LockDivision::ForEachShare(absl::FunctionRef<void(const TableShare&)> handle) {
  for (const auto& [key, sum] : sums_) HandShares(sum, handle);
}

void LockDivision::HandShares(const LockTableEntry& entry,
                              absl::FunctionRef<void(const TableShare&)> handle) {
  const std::span<const LockId> locks = LocksAt(entry);
  const Parts parts = PartsOf(entry, locks);
  const std::vector<DividedPart> contended = Divide(entry.contended, parts.contended);
  const bool are_all_kept = contended.front().high == contended.front().low;
  // Then the tables' sum of ticks is the same time, rounded another way.
  const std::vector<DividedPart> wait_ns = Divide(are_all_kept ? 0 : entry.wait_ns, parts.wait_ns);
  const std::vector<DividedPart> released = Divide(entry.released, parts.all);
  const std::vector<DividedPart> refused = Divide(entry.refused, parts.all);
  for (size_t i = 0; i < locks.size(); ++i) {
    if (contended[i].high + wait_ns[i].high + released[i].high + refused[i].high == 0) continue;
    TableShare share{.lock = locks[i], .entry = entry};
    share.entry.contended = contended[i].value;
    share.entry.wait_ns = wait_ns[i].value;
    share.entry.released = released[i].value;
    share.entry.refused = refused[i].value;
    share.doubt = DoubtOf(contended[i], wait_ns[i]);
    share.release_doubt = DoubtOf(released[i]);
    share.refusal_doubt = DoubtOf(refused[i]);
    handle(share);
  }
}

LockDivision::Parts LockDivision::PartsOf(const LockTableEntry& entry,
                                          std::span<const LockId> locks) {
  Parts parts;
  bool is_any_of_caller = false;
  for (const LockId id : locks) {
    const KeptOfLock& kept = KeptOf(id);
    const auto of_caller = kept.by_caller.find(entry.caller);
    const bool has_any = of_caller != kept.by_caller.end() && entry.contended != 0;
    const Kept by_caller = has_any ? of_caller->second : Kept();
    parts.contended.push_back(PartOf(by_caller.waits));
    parts.wait_ns.push_back(PartOf(by_caller.wait_ns));
    parts.all.push_back({0, kept.all.waits.value()});
    is_any_of_caller |= has_any;
  }
  if (is_any_of_caller) return parts;
  parts.contended = parts.all;
  for (size_t i = 0; i < locks.size(); ++i)
    parts.wait_ns[i] = {0, KeptOf(locks[i]).all.wait_ns.value()};
  return parts;
}

void LockDivision::ForEachThreadShare(absl::FunctionRef<void(const ThreadShare&)> handle) const {
  for (const auto& [key, of_thread] : thread_sums_) {
    const auto& [address, thread] = key;
    const std::vector<LockId>& locks = locks_at_.at(address);
    Waits all;
    for (const LockId id : locks) {
      const Lock& lock = locks_[id.value()];
      all.Add(lock.contended, lock.wait_ns);
    }
    for (const LockId id : locks) {
      const Lock& lock = locks_[id.value()];
      const Doubt doubt = DoubtOf(lock);
      const DividedPart contended = Common(
          of_thread.contended, PartOf(lock.contended, doubt.fewer.contended, doubt.more.contended),
          all.contended);
      const DividedPart wait_ns =
          Common(of_thread.wait_ns, PartOf(lock.wait_ns, doubt.fewer.wait_ns, doubt.more.wait_ns),
                 all.wait_ns);
      if (contended.high == 0) continue;
      handle({id, thread, {contended.value, wait_ns.value}, DoubtOf(contended, wait_ns)});
    }
  }
}

const LockDivision::KeptOfLock& LockDivision::KeptOf(LockId id) {
  KeptOfLock& kept = kept_[id];
  if (kept.is_known) return kept;
  kept.is_known = true;
  for (const LockWaits& waits : locks_[id.value()].waits) {
    kept.all.Add(waits);
    const std::vector<Frame> frames = process_.Frames(waits.stack);
    if (!frames.empty()) kept.by_caller[frames.front().pc].Add(waits);
  }
  return kept;
}

void LockDivision::Kept::Add(const LockWaits& more) {
  waits.Merge(more.waits);
  wait_ns.Merge(more.wait_ns);
}

}  // namespace perfagent
