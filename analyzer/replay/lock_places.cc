#include "analyzer/replay/lock_places.h"

#include <utility>

namespace perfagent {

LockPlaces::LockPlaces(LockAddresses addresses)
    : addresses_(std::move(addresses)),
      holders_(addresses_.size()),
      generations_(addresses_.size()) {}

void LockPlaces::Apply(const LockBlockChange& change) {
  const LockAddresses::Range range = addresses_.In(change.address, change.size);
  for (size_t i = range.begin; i < range.end; ++i) Apply(change, &holders_[i]);
}

void LockPlaces::Apply(const LockBlockChange& change, Holder* holder) {
  if (change.kind == LockBlockChange::kBegin) {
    const bool is_first = holder->size == 0;
    *holder = {.address = change.address,
               .size = change.size,
               .stack = change.stack,
               .is_live = true,
               .is_followed = true,
               .is_first = is_first};
    return;
  }
  if (holder->address != change.address) return;  // whose end was lost: another block began over it
  if (change.kind == LockBlockChange::kEnd) {
    holder->is_live = false;
  } else {
    holder->is_followed = false;
  }
}

LockPlace LockPlaces::Now(uint64_t lock) {
  const std::optional<size_t> i = Find(lock);
  return i && holders_[*i].is_live ? PlaceIn(*i) : LockPlace();
}

LockPlace LockPlaces::Only(uint64_t lock) {
  const std::optional<size_t> i = Find(lock);
  return i && holders_[*i].size != 0 && holders_[*i].is_first ? PlaceIn(*i) : LockPlace();
}

std::optional<size_t> LockPlaces::Find(uint64_t lock) const {
  const LockAddresses::Range range = addresses_.In(lock, 1);
  if (range.empty()) return std::nullopt;
  return range.begin;
}

LockPlace LockPlaces::PlaceIn(size_t i) {
  Holder& holder = holders_[i];
  if (holder.generation == 0) holder.generation = ++generations_[i];
  return {holder.generation, LockAllocation{.stack = holder.stack,
                                            .offset = addresses_[i] - holder.address,
                                            .size = holder.size,
                                            .is_followed = holder.is_followed}};
}

}  // namespace perfagent
