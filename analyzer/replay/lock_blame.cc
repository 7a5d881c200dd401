#include "analyzer/replay/lock_blame.h"

#include <algorithm>
#include <limits>

namespace perfagent {
namespace {

uint64_t SaturatingSum(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<uint64_t>::max() : sum;
}

Role RoleIn(LockApi api, const WaitCut& cut) {
  if (KindOf(api) != LockKind::kRwlock) return Role::kNone;
  return (cut.flags & kCutByReader) != 0 ? Role::kReader : Role::kWriter;
}

}  // namespace

void LockBlame::OnWait(LockId lock, StackId waiter, Weight weight, const LockWaitRecord& record,
                       std::span<const WaitCut> cuts) {
  const OpenWait wait{.lock = lock,
                      .waiter = waiter,
                      .weight = weight,
                      .api = record.api,
                      .time_ns = record.time,
                      .wait_ns = record.wait,
                      .begin_is_lost = (record.flags & kWaitCutsLost) != 0,
                      .first_cut = open_cuts_.size(),
                      .cuts = cuts.size()};
  const bool is_open =
      std::any_of(cuts.begin(), cuts.end(), [](const WaitCut& cut) { return cut.stack == 0; });
  if (!is_open) return Attribute(wait, cuts);
  open_waits_.push_back(wait);
  open_cuts_.insert(open_cuts_.end(), cuts.begin(), cuts.end());
}

void LockBlame::OnRelease(uint32_t stream, const LockReleaseRecord& record) {
  releases_.Add(stream, record.lock, record.time, StackOf(record.stack));
}

void LockBlame::Finish() {
  releases_.Sort();
  for (const OpenWait& wait : open_waits_) {
    Attribute(wait, std::span(open_cuts_).subspan(wait.first_cut, wait.cuts));
  }
}

StackId LockBlame::StackOf(uint64_t dump_stack) {
  const KnownStack& stack = process_.LookUpStack(dump_stack);
  profile_->undefined_stacks += !stack.IsDefined();
  return stack.stack();
}

StackId LockBlame::HolderOf(const OpenWait& wait, const WaitCut& cut) {
  if (cut.stack != 0) return StackOf(cut.stack);
  const uint64_t lock = profile_->locks[wait.lock.value()].address;
  return releases_.Find(cut.stream, lock, SaturatingSum(wait.time_ns, cut.after));
}

void LockBlame::Attribute(const OpenWait& wait, std::span<const WaitCut> cuts) {
  known_cuts_.clear();
  for (const WaitCut& cut : cuts) {
    known_cuts_.push_back({cut.after, HolderOf(wait, cut), RoleIn(wait.api, cut)});
  }
  const CutWait parts = Cut(wait.wait_ns, known_cuts_, wait.begin_is_lost);

  Lock& lock = profile_->locks[wait.lock.value()];
  KeptWaits kept{.waits = 1,
                 .wait_ns = wait.wait_ns,
                 .hand_over_ns = parts.hand_over_ns,
                 .unattributed_ns = parts.unattributed_ns};
  for (const HolderShare& share : parts.holders) {
    kept.blame_ns += share.ns;
    LockPair& pair = PairOf(wait, share);
    pair.waits.Add(1, wait.weight);
    pair.wait_ns.Add(static_cast<double>(share.ns), wait.weight);
  }
  const uint64_t slot_width_ns = SlotWidthNs(process_.facts.duration_ns);
  for (const HeldPiece& piece : parts.pieces) {
    PairOf(wait, piece.share)
        .history.Add(SaturatingSum(wait.time_ns, piece.begin_ns), piece.share.ns,
                     wait.weight.factor, slot_width_ns);
  }
  lock.kept.Merge(kept);
  if (lock.kind == LockKind::kRwlock) AddRoles(wait, parts.holders);
  if (!cuts.empty()) lock.cuts.Add(static_cast<double>(cuts.size()), wait.weight);
  if (parts.hand_over_ns > 0) {
    lock.hand_over_ns.Add(static_cast<double>(parts.hand_over_ns), wait.weight);
  }
  if (parts.unattributed_ns > 0) {
    lock.unattributed_ns.Add(static_cast<double>(parts.unattributed_ns), wait.weight);
  }
  if (lock.kind == LockKind::kCondition && !cuts.empty()) {
    const uint64_t signalled_ns = std::min(cuts.front().after, wait.wait_ns);
    lock.reacquire_ns.Add(static_cast<double>(wait.wait_ns - signalled_ns), wait.weight);
  }
}

void LockBlame::AddRoles(const OpenWait& wait, std::span<const HolderShare> shares) {
  RwlockWaits& waits = profile_->locks[wait.lock.value()].rwlock.Make();
  WaitedFor& waited = IsRead(wait.api) ? waits.readers_waited : waits.writers_waited;
  waited.waits.Add(1, wait.weight);
  for (const HolderShare& share : shares) {
    Tally& of_role = share.role == Role::kReader ? waited.for_readers_ns : waited.for_writers_ns;
    of_role.Add(static_cast<double>(share.ns), wait.weight);
  }
  const auto readers_left =
      std::count_if(known_cuts_.begin(), known_cuts_.end(),
                    [](const KnownCut& cut) { return cut.role == Role::kReader; });
  if (readers_left > 0) waited.readers_left.Add(static_cast<double>(readers_left), wait.weight);
}

LockPair& LockBlame::PairOf(const OpenWait& wait, const HolderShare& share) {
  std::vector<LockPair>& pairs = profile_->locks[wait.lock.value()].pairs;
  const auto [found, is_new] =
      pair_at_.try_emplace({wait.lock, wait.waiter, share.holder, share.role}, pairs.size());
  if (is_new) {
    pairs.push_back({.waiter = wait.waiter, .holder = share.holder, .role = share.role});
  }
  return pairs[found->second];
}

}  // namespace perfagent
