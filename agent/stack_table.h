// stack_table.h: stack -> id, shared by all threads: is this stack already defined in the dump?
//
// Open addressing, insert-only, keyed by a 64-bit hash of the frames and the module epoch. Two of n stacks share a hash
// with probability n^2 / 2^65: 3e-8 for a million.
//
// Threads:    any thread looks up and inserts; slots are claimed by compare-and-swap. No locks. Two threads that meet a
//             new stack at once both define it, under different ids; the reader joins them by content.
// Order:      Insert only after the kStack record is published: an id found here is always defined in the dump.
// When full:  Insert does nothing; such a stack is defined again each time it is met.
// Signals:    safe. Fork: a forked child starts with an empty table (MADV_WIPEONFORK).
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfagent::stack_table {

// False when there is no memory for 2^log2_slots slots of 16 bytes (touched only as they fill).
bool Start(unsigned log2_slots);

uint64_t Hash(const uint64_t* pcs, size_t count, uint64_t epoch, bool truncated);

// The id of the stack with this hash; 0 when it is not defined yet.
uint64_t Find(uint64_t hash);
// A fresh id, never 0.
uint64_t NewId();
void Insert(uint64_t hash, uint64_t id);

}  // namespace perfagent::stack_table
