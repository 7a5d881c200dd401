// address_history.h: which of a dump's records, in their order, are about one address.
//
//   about 0x1010:  malloc 0x1000 32   free 0x1000   malloc 0x1010 8   mutex_lock 0x1010
//
// Blocks that contain it, from their beginning to their end, and locks that are there.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <optional>

#include "perfagent/event_codec.h"

namespace perfagent {

class AddressHistory {
 public:
  explicit AddressHistory(uint64_t address) : address_(address) {}

  // To be asked about each record in turn.
  bool Concerns(const Record& record);

 private:
  bool Concerns(const AllocRecord& record) { return Begins(record.address, record.size); }
  bool Concerns(const FreeRecord& record) { return Ends(record.address); }
  bool Concerns(const ReallocRecord& record);
  // Lock events; no definition is about it.
  template <typename R>
  bool Concerns(const R& record) {
    if constexpr (requires { record.lock; }) return record.lock == address_;
    return false;
  }

  bool Begins(uint64_t block, uint64_t size);
  bool Ends(uint64_t block);

  const uint64_t address_;
  std::optional<uint64_t> block_;  // that contains it now
};

}  // namespace perfagent
