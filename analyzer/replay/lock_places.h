// lock_places.h: which heap block is a lock in?
//
// Nobody tells when a std::mutex begins: a lock in the heap is known by the block that holds its address. When that is
// freed and another one begins there, what is waited for at the address is another lock. So a lock is an address and a
// generation, which counts the blocks that held the address while something was recorded of a lock there:
//
//   0x1040   . . [ block of Cache() ] . [ temporary ] . [ block of Pool() ] . .
//   waits     x        x  x                                 x    x
//   generation 0       1  1                                 2    2            0: no block known
//
// A block that the sampling has dropped (kDropped) may be freed without a record. Until another one is seen to begin there,
// the lock is taken to be in it, and its place says that this is not known.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "analyzer/model/ids.h"
#include "analyzer/model/lock_profile.h"
#include "analyzer/replay/lock_addresses.h"

namespace perfagent {

// Of a block that holds the address of a lock.
struct LockBlockChange {
  enum Kind : uint8_t { kBegin, kDropped, kEnd };

  uint64_t address;
  uint64_t size;
  StackId stack;   // who allocated it
  uint32_t order;  // HeapEvent::order
  Kind kind;
};

// Where a lock is at some time.
struct LockPlace {
  uint32_t generation = 0;
  std::optional<LockAllocation> allocation = {};
};

class LockPlaces {
 public:
  explicit LockPlaces(LockAddresses addresses);

  // Changes in time order.
  void Apply(const LockBlockChange& change);
  // After the changes so far.
  LockPlace Now(uint64_t lock);
  // Of a lock of which nothing is known but that it was waited for at some time: the only block that ever held its
  // address, if there is just one.
  LockPlace Only(uint64_t lock);

  const LockAddresses& addresses() const { return addresses_; }

 private:
  // The last block at a lock's address.
  struct Holder {
    uint64_t address = 0;
    uint64_t size = 0;
    StackId stack;
    uint32_t generation = 0;  // 0: nothing was recorded of a lock in it yet
    bool is_live = false;
    bool is_followed = false;  // the sampling has not dropped it
    bool is_first = true;
  };

  static void Apply(const LockBlockChange& change, Holder* holder);
  std::optional<size_t> Find(uint64_t lock) const;
  LockPlace PlaceIn(size_t i);

  const LockAddresses addresses_;
  // By index in addresses_.
  std::vector<Holder> holders_;
  std::vector<uint32_t> generations_;  // so far
};

}  // namespace perfagent
