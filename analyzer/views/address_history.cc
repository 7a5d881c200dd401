#include "analyzer/views/address_history.h"

#include <algorithm>
#include <variant>

namespace perfagent {

bool AddressHistory::Concerns(const Record& record) {
  return std::visit([this](const auto& r) { return Concerns(r); }, record);
}

bool AddressHistory::Begins(uint64_t block, uint64_t size) {
  // A block of no bytes is at its address, too.
  const bool contains = address_ >= block && address_ - block < std::max<uint64_t>(size, 1);
  if (contains) block_ = block;
  return contains;
}

bool AddressHistory::Ends(uint64_t block) {
  const bool ends = block_ == block;
  if (ends) block_.reset();
  return ends || block == address_;
}

bool AddressHistory::Concerns(const ReallocRecord& record) {
  const bool ends = Ends(record.old_address);
  const bool begins = Begins(record.new_address, record.size);
  return ends || begins;
}

}  // namespace perfagent
