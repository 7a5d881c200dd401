// lock_division.h: what several locks that were at one address, one after the other, have of its exact sums.
//
// Lock tables count per address. A lock has what was seen of it for certain (its kept waits), and of the rest so much as its
// kept waits say that there is beside them. Where all were kept there is no rest, and the parts are exact. So it is done
// for each caller apart, by the waits whose stacks begin there; of a caller without any, and of releases and tries, by all
// waits. Of each thread's waits a lock has as large a part as of all waits.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
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
  CountDoubt release_doubt = {};
  CountDoubt refusal_doubt = {};
};

// What a lock has of the waits of one thread.
struct ThreadShare {
  LockId lock;
  uint32_t thread;
  Waits waits = {};
  Doubt doubt = {};
};

class LockDivision {
 public:
  // Locks with all that was kept of them, those at one address in order of time. `process` must outlive this.
  LockDivision(const Process& process, const std::deque<Lock>& locks);

  // Those at the entry's address that it may be about: where all waits are kept, those with any, if there are such. Empty
  // where none was ever in a block.
  std::span<const LockId> LocksAt(const LockTableEntry& entry) const;
  // Of an address with several.
  void Add(const LockTableEntry& entry);
  // Of what was added, without empty ones.
  void ForEachShare(absl::FunctionRef<void(const TableShare&)> handle);
  // When the locks have their shares.
  void ForEachThreadShare(absl::FunctionRef<void(const ThreadShare&)> handle) const;

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
    std::vector<SeenPart> all;  // of releases and tries
  };

  const KeptOfLock& KeptOf(LockId id);
  Parts PartsOf(const LockTableEntry& entry, std::span<const LockId> locks);
  void HandShares(const LockTableEntry& entry, absl::FunctionRef<void(const TableShare&)> handle);

  const Process& process_;
  const std::deque<Lock>& locks_;
  absl::flat_hash_map<Address, std::vector<LockId>> locks_at_;
  // By address, caller and function, all threads' together.
  std::map<std::tuple<uint64_t, uint64_t, LockApi>, LockTableEntry> sums_;
  std::map<std::pair<Address, uint32_t>, Waits> thread_sums_;
  absl::flat_hash_map<LockId, KeptOfLock> kept_;
};

}  // namespace perfagent
