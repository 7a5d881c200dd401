// lock_division.h: what several locks that were at one address, one after the other, have of its exact sums.
//
// Lock tables count per address. A lock has what was seen of it for certain (its kept waits), and of the rest so much as its
// kept waits say that there is beside them. Where all were kept there is no rest, and the parts are exact. So it is done
// for each caller apart, by the waits whose stacks begin there; of a caller without any, and of releases, by all waits.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/lock_profile.h"
#include "analyzer/model/process.h"

namespace perfagent {

struct SeenPart {
  double seen = 0;
  double weight = 0;  // in what proportion it has a part of the rest
};

struct DividedPart {
  uint64_t value = 0;
  uint64_t low = 0;   // what was seen
  uint64_t high = 0;  // and all the rest
};

// Values add up to `total`, or to what was seen, if that is more. Without any weight the last one has the rest.
std::vector<DividedPart> Divide(uint64_t total, std::span<const SeenPart> parts);

// What a lock has of the slots of one function and caller.
struct TableShare {
  LockId lock;
  LockTableEntry entry;
  Doubt doubt = {};
  ReleaseDoubt release_doubt = {};
};

class LockDivision {
 public:
  // Locks with all that was kept of them, those at one address in order of time. `process` must outlive this.
  LockDivision(const Process& process, const std::vector<Lock>& locks);

  // Those to whose address the entry belongs: those with kept waits, or else the last one. Empty where none was ever in a
  // block.
  std::span<const LockId> LocksAt(const LockTableEntry& entry) const;
  // Of an address with several.
  void Add(const LockTableEntry& entry);
  std::vector<TableShare> Shares();

 private:
  using Address = std::pair<uint64_t, LockKind>;
  struct Kept {
    Tally waits = {};
    Tally wait_ns = {};
    void Add(const LockWaits& more);
  };
  struct KeptOfLock {
    Kept all;
    absl::flat_hash_map<uint64_t, Kept> by_caller;
    bool is_known = false;
  };
  // Of each of the locks.
  struct Parts {
    std::vector<SeenPart> contended;
    std::vector<SeenPart> wait_ns;
    std::vector<SeenPart> released;
  };

  const KeptOfLock& KeptOf(LockId id);
  Parts PartsOf(const LockTableEntry& entry, std::span<const LockId> locks);
  void AddShares(const LockTableEntry& entry, std::vector<TableShare>* shares);

  const Process& process_;
  const std::vector<Lock>& locks_;
  absl::flat_hash_map<Address, std::vector<LockId>> locks_at_;
  // By address, caller and function: threads have slots of their own.
  std::map<std::tuple<uint64_t, uint64_t, LockApi>, LockTableEntry> sums_;
  absl::flat_hash_map<LockId, KeptOfLock> kept_;
};

}  // namespace perfagent
