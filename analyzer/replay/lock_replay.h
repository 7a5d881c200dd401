// lock_replay.h: lock tables and lock events become locks with their waiters and holders.
//
// Counts and wait times per lock, and releases while others waited, are the tables', exact in both modes (but see
// lock_division.h). Stacks are those of the kept waits: all of them in full mode, scaled up in sampled mode.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/lock_profile.h"
#include "analyzer/model/process.h"
#include "analyzer/replay/lock_blame.h"
#include "analyzer/replay/lock_division.h"
#include "analyzer/replay/lock_order.h"
#include "analyzer/replay/lock_places.h"
#include "perfagent/event_codec.h"

namespace perfagent {

class LockReplay {
 public:
  // `process` must outlive the replay. In a view not all events count: then there are only those that do.
  LockReplay(const Process& process, bool is_view, LockAddresses addresses)
      : process_(process),
        is_view_(is_view),
        blame_(process, &profile_),
        places_(std::move(addresses)) {}
  LockReplay(const LockReplay&) = delete;  // blame_ points into it
  LockReplay& operator=(const LockReplay&) = delete;

  const LockAddresses& addresses() const { return places_.addresses(); }

  // Exact acquisitions of a segment, full mode.
  void OnAcquisitions(uint64_t acquisitions);
  // Events of the stream with that number in the dump.
  void OnEvent(uint32_t stream, const LockWaitRecord& record, std::span<const WaitCut> cuts);
  void OnEvent(uint32_t stream, const LockReleaseRecord& record);
  void OnEvent(uint32_t stream, const LockSectionRecord& record);
  void OnEvent(uint32_t stream, const LockAcquireRecord& record);
  // What happens to a block that holds a lock, in order with the events.
  void OnBlock(const LockBlockChange& change) { places_.Apply(change); }

  // After the last event: a wait that the dump's end came before.
  void OnUnended(const OngoingEntry& entry);
  // All tables, after all of that.
  void OnTables(std::span<const LockTableEntry> entries);
  LockProfile Finish();

 private:
  // What tells locks apart.
  struct Key {
    uint64_t address;
    LockKind kind;
    uint32_t generation;

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Key& key) {
      return H::combine(std::move(hash), key.address, key.kind, key.generation);
    }
  };

  // Which is at the address now.
  LockId LockAt(uint64_t address, LockApi api) {
    return LockIn(places_.Now(address), address, api);
  }
  LockId LockIn(const LockPlace& place, uint64_t address, LockApi api);
  // Of which no lock was in a block when something was recorded of it.
  LockId LockOf(const LockTableEntry& entry);
  void AddToWhole(const LockTableEntry& entry);
  void Add(const TableShare& share);
  void AddWaits(const TableShare& share);
  void AddReleases(const TableShare& share);
  void AddRefusals(const TableShare& share);
  void AddThread(const ThreadShare& share);
  void NoteFirstWait(LockId id, uint64_t time_ns, StackId stack);
  StackId StackOf(uint64_t dump_stack);
  void FinishLock(Lock* lock);

  const Process& process_;
  const bool is_view_;
  uint64_t widest_interval_ = 0;  // between acquisitions that were sampled
  LockProfile profile_;
  LockBlame blame_;
  LockOrders orders_;
  uint64_t widest_section_interval_ = 0;  // of acquisitions that did not wait
  LockPlaces places_;
  absl::flat_hash_map<Key, LockId> lock_in_;
  // Index in Lock::callers, releasers, pollers, threads or waits, by lock and caller, thread or stack.
  absl::flat_hash_map<std::tuple<LockId, uint64_t, LockApi>, size_t> caller_at_;
  absl::flat_hash_map<std::tuple<LockId, uint64_t, LockApi>, size_t> releaser_at_;
  absl::flat_hash_map<std::pair<LockId, uint64_t>, size_t> poller_at_;
  absl::flat_hash_map<std::pair<LockId, uint64_t>, size_t> thread_at_;
  absl::flat_hash_map<std::pair<LockId, StackId>, size_t> waits_at_;
  absl::flat_hash_map<LockId, uint64_t> first_wait_ns_;
};

}  // namespace perfagent
