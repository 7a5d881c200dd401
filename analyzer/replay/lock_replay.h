// lock_replay.h: lock tables and lock events become locks with their waiters.
//
// Counts and wait times per lock, and releases while others waited, are the tables', exact in both modes. Stacks are those of the kept
// waits: all of them in full mode, scaled up in sampled mode.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/lock_profile.h"
#include "analyzer/model/process.h"
#include "perfagent/event_codec.h"

namespace perfagent {

class LockReplay {
 public:
  // `process` must outlive the replay.
  explicit LockReplay(const Process& process) : process_(process) {}

  void OnTable(std::span<const LockTableEntry> entries);
  // Exact acquisitions of a segment, full mode.
  void OnAcquisitions(uint64_t acquisitions);
  // A wait with its cuts.
  void OnEvent(const LockWaitRecord& record, std::span<const WaitCut> cuts);
  void OnEvent(const LockReleaseRecord& record);
  void OnEvent(const LockSectionRecord& record);
  void OnEvent(const LockAcquireRecord& record);

  LockProfile Finish();

 private:
  LockId LockAt(uint64_t address, LockApi api);
  void AddWaits(LockId id, const LockTableEntry& entry);
  void AddReleases(LockId id, const LockTableEntry& entry);
  StackId StackOf(uint64_t dump_stack);

  const Process& process_;
  LockProfile profile_;
  absl::flat_hash_map<std::pair<uint64_t, LockKind>, LockId> lock_at_;
  // Index in Lock::callers, releasers or waits, by lock and caller or stack.
  absl::flat_hash_map<std::tuple<LockId, uint64_t, LockApi>, size_t> caller_at_;
  absl::flat_hash_map<std::pair<LockId, uint64_t>, size_t> releaser_at_;
  absl::flat_hash_map<std::pair<LockId, StackId>, size_t> waits_at_;
  absl::flat_hash_map<LockId, uint64_t> first_wait_ns_;
};

}  // namespace perfagent
