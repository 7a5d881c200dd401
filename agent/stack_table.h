// stack_table.h: stack -> id, shared by all threads: is this stack already defined in the dump?
//
// Open addressing, insert-only, keyed by a 64-bit hash of the frames, the module epoch and how the stack ends. Two of n
// stacks share a hash with probability n^2 / 2^65: 3e-8 for a million.
//
// Threads:    any thread looks up and inserts; slots are claimed by compare-and-swap. No locks. Two threads that meet a
//             new stack at once both define it, under different ids; the reader joins them by content.
// Order:      Insert only after the kStack record is published: an id found here is always defined in the dump.
// When full:  Insert does nothing; such a stack is defined again each time it is met.
// Signals:    safe. Fork: a forked child starts with an empty table (MADV_WIPEONFORK).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfagent::stack_table {

// False when there is no memory for 2^log2_slots slots of 16 bytes (touched only as they fill).
bool Start(unsigned log2_slots);

// A stack's key from the hash that its frames were added up to (spine.h); never 0.
inline uint64_t KeyOf(uint64_t hash) { return hash | (hash == 0); }

// The id of the stack with this key; 0 when it is not defined yet.
uint64_t Find(uint64_t key);
// The first of `count` fresh ids in a row, never 0.
uint64_t NewIds(uint64_t count);
void Insert(uint64_t key, uint64_t id);
// The key will be looked up soon.
void Prefetch(uint64_t key);

}  // namespace perfagent::stack_table

namespace perfagent {

// The stacks that one thread met last, in front of the table.
class StackCache {
 public:
  // 0 when it is not here.
  uint64_t Find(uint64_t key) const {
    const Slot& slot = slots_[key % kSlots];
    return slot.key == key ? slot.id : 0;
  }
  void Keep(uint64_t key, uint64_t id) {
    Slot& slot = slots_[key % kSlots];
    // Whatever instruction a signal handler leaves this at: no key has another's id.
    slot.key = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    slot.id = id;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    slot.key = key;
  }

 private:
  static constexpr size_t kSlots = 4096;
  struct Slot {
    uint64_t key, id;
  };
  Slot slots_[kSlots];
};

}  // namespace perfagent
