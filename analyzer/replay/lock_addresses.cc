#include "analyzer/replay/lock_addresses.h"

#include <algorithm>

namespace perfagent {

LockAddresses::LockAddresses(std::span<const LockTableEntry> tables,
                             std::span<const OngoingEntry> ongoing) {
  for (const LockTableEntry& entry : tables) addresses_.push_back(entry.lock);
  for (const OngoingEntry& entry : ongoing) addresses_.push_back(entry.lock);
  std::sort(addresses_.begin(), addresses_.end());
  addresses_.erase(std::unique(addresses_.begin(), addresses_.end()), addresses_.end());
  for (const uint64_t address : addresses_) pages_.set(BitOf(address >> kPageBits));
}

LockAddresses::Range LockAddresses::In(uint64_t address, uint64_t size) const {
  const auto begin = std::lower_bound(addresses_.begin(), addresses_.end(), address);
  const auto end = std::lower_bound(begin, addresses_.end(), EndOf(address, size));
  return {static_cast<size_t>(begin - addresses_.begin()),
          static_cast<size_t>(end - addresses_.begin())};
}

}  // namespace perfagent
