// lock_blame.h: kept waits become pairs of waiter and holder.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <span>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/lock_profile.h"
#include "analyzer/model/process.h"
#include "analyzer/replay/cut_wait.h"
#include "analyzer/replay/lock_releases.h"
#include "perfagent/records.h"

namespace perfagent {

class LockBlame {
 public:
  // Both must outlive this.
  LockBlame(const Process& process, LockProfile* profile) : process_(process), profile_(profile) {}

  void OnWait(LockId lock, StackId waiter, Weight weight, const LockWaitRecord& record,
              std::span<const WaitCut> cuts);
  void OnRelease(uint32_t stream, const LockReleaseRecord& record);
  // Attributes the waits whose cuts had no stacks: releases may be recorded before or after the waits that they cut.
  void Finish();

 private:
  // A wait some of whose cuts wait for their release.
  struct OpenWait {
    LockId lock;
    StackId waiter;
    Weight weight;
    LockApi api;
    uint64_t time_ns;
    uint64_t wait_ns;
    bool begin_is_lost;
    size_t first_cut;  // in open_cuts_
    size_t cuts;
  };

  StackId StackOf(uint64_t dump_stack);
  StackId HolderOf(const OpenWait& wait, const WaitCut& cut);
  void Attribute(const OpenWait& wait, std::span<const WaitCut> cuts);
  // Of an rwlock: for whom its readers and writers waited.
  void AddRoles(const OpenWait& wait, std::span<const HolderShare> shares);
  LockPair& PairOf(const OpenWait& wait, const HolderShare& share);

  const Process& process_;
  LockProfile* profile_;
  LockReleases releases_;
  std::vector<OpenWait> open_waits_;
  std::vector<WaitCut> open_cuts_;
  std::vector<KnownCut> known_cuts_;  // of one wait; its memory is used again
  // Index in Lock::pairs, by lock, waiter, holder and the holder's role.
  absl::flat_hash_map<std::tuple<LockId, StackId, StackId, Role>, size_t> pair_at_;
};

}  // namespace perfagent
