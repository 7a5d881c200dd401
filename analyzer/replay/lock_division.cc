#include "analyzer/replay/lock_division.h"

#include <algorithm>

namespace perfagent {
namespace {

// A damaged file's waits may be of any length.
uint64_t Whole(double value) { return static_cast<uint64_t>(std::clamp(value, 0.0, 1e18)); }

SeenPart PartOf(const Tally& kept) { return {kept.seen(), kept.value() - kept.seen()}; }

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

LockDivision::LockDivision(const Process& process, const std::vector<Lock>& locks)
    : process_(process), locks_(locks) {
  for (const Lock& lock : locks) {
    if (lock.generation != 0) locks_at_[{lock.address, lock.kind}];
  }
  for (size_t i = 0; i < locks.size(); ++i) {
    const auto found = locks_at_.find({locks[i].address, locks[i].kind});
    if (found == locks_at_.end()) continue;
    std::vector<LockId>& at = found->second;
    const bool are_kept = !at.empty() && !locks[at.back().value()].waits.empty();
    if (are_kept && locks[i].waits.empty()) continue;
    if (!are_kept) at.clear();
    at.push_back(LockId(i));
  }
}

std::span<const LockId> LockDivision::LocksAt(const LockTableEntry& entry) const {
  const auto found = locks_at_.find({entry.lock, KindOf(entry.api)});
  if (found == locks_at_.end()) return {};
  return found->second;
}

void LockDivision::Add(const LockTableEntry& entry) {
  const auto [found, is_new] = sums_.try_emplace({entry.lock, entry.caller, entry.api}, entry);
  if (is_new) return;
  LockTableEntry& sum = found->second;
  sum.contended += entry.contended;
  sum.wait_ns += entry.wait_ns;
  sum.longest_wait_ns = std::max(sum.longest_wait_ns, entry.longest_wait_ns);
  sum.released += entry.released;
  sum.refused += entry.refused;
}

std::vector<TableShare> LockDivision::Shares() {
  std::vector<TableShare> shares;
  for (const auto& [key, sum] : sums_) AddShares(sum, &shares);
  return shares;
}

void LockDivision::AddShares(const LockTableEntry& entry, std::vector<TableShare>* shares) {
  const std::span<const LockId> locks = LocksAt(entry);
  const Parts parts = PartsOf(entry, locks);
  const std::vector<DividedPart> contended = Divide(entry.contended, parts.contended);
  const std::vector<DividedPart> wait_ns = Divide(entry.wait_ns, parts.wait_ns);
  const std::vector<DividedPart> released = Divide(entry.released, parts.released);
  for (size_t i = 0; i < locks.size(); ++i) {
    TableShare& share = shares->emplace_back(TableShare{locks[i], entry});
    share.entry.contended = contended[i].value;
    share.entry.wait_ns = wait_ns[i].value;
    share.entry.released = released[i].value;
    share.doubt.fewer = {contended[i].value - contended[i].low, wait_ns[i].value - wait_ns[i].low};
    share.doubt.more = {contended[i].high - contended[i].value, wait_ns[i].high - wait_ns[i].value};
    share.release_doubt = {released[i].value - released[i].low,
                           released[i].high - released[i].value};
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
    parts.released.push_back({0, kept.all.waits.value()});
    is_any_of_caller |= has_any;
  }
  if (is_any_of_caller) return parts;
  parts.contended = parts.released;
  for (size_t i = 0; i < locks.size(); ++i)
    parts.wait_ns[i] = {0, KeptOf(locks[i]).all.wait_ns.value()};
  return parts;
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
