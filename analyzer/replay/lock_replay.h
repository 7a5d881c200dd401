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
#include "analyzer/replay/lock_division.h"
#include "analyzer/replay/lock_places.h"
#include "perfagent/event_codec.h"

namespace perfagent {

class LockReplay {
 public:
  // `process` must outlive the replay; addresses are those of the tables.
  LockReplay(const Process& process, LockAddresses addresses)
      : process_(process), places_(std::move(addresses)) {}

  const LockAddresses& addresses() const { return places_.addresses(); }

  // Exact acquisitions of a segment, full mode.
  void OnAcquisitions(uint64_t acquisitions);
  // A wait with its cuts.
  void OnEvent(const LockWaitRecord& record, std::span<const WaitCut> cuts);
  void OnEvent(const LockReleaseRecord& record);
  void OnEvent(const LockSectionRecord& record);
  void OnEvent(const LockAcquireRecord& record);
  // What happens to a block that holds a lock, in order with the events.
  void OnBlock(const LockBlockChange& change) { places_.Apply(change); }

  // All tables, after the last event.
  void OnTables(std::span<const LockTableEntry> entries);
  LockProfile Finish();

 private:
  // Which is at the address now.
  LockId LockAt(uint64_t address, LockApi api) {
    return LockIn(places_.Now(address), address, KindOf(api));
  }
  LockId LockIn(const LockPlace& place, uint64_t address, LockKind kind);
  // Of which no lock was in a block when something was recorded of it.
  LockId LockOf(const LockTableEntry& entry);
  void Add(const TableShare& share);
  void AddWaits(const TableShare& share);
  void AddReleases(const TableShare& share);
  StackId StackOf(uint64_t dump_stack);

  const Process& process_;
  LockProfile profile_;
  LockPlaces places_;
  // By address, kind and generation.
  absl::flat_hash_map<std::tuple<uint64_t, LockKind, uint32_t>, LockId> lock_in_;
  // Index in Lock::callers, releasers or waits, by lock and caller or stack.
  absl::flat_hash_map<std::tuple<LockId, uint64_t, LockApi>, size_t> caller_at_;
  absl::flat_hash_map<std::pair<LockId, uint64_t>, size_t> releaser_at_;
  absl::flat_hash_map<std::pair<LockId, StackId>, size_t> waits_at_;
  absl::flat_hash_map<LockId, uint64_t> first_wait_ns_;
};

}  // namespace perfagent
