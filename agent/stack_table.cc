#include "agent/stack_table.h"

#include <atomic>

#include "agent/sampler.h"
#include "agent/sys.h"

namespace perfagent::stack_table {

namespace {

struct Slot {
  std::atomic<uint64_t> hash;  // 0 = free
  std::atomic<uint64_t> id;    // 0 = claimed, not filled in yet
};

constexpr size_t kMaxProbes = 32;

Slot* slots;
size_t slot_mask;
std::atomic<uint64_t> last_id;

}  // namespace

bool Start(unsigned log2_slots) {
  const size_t bytes = (size_t{1} << log2_slots) * sizeof(Slot);
  slots = static_cast<Slot*>(sys::Reserve(bytes));
  if (slots == nullptr) return false;
  sys::Advise(slots, bytes, MADV_WIPEONFORK);
  slot_mask = (size_t{1} << log2_slots) - 1;
  return true;
}

uint64_t Hash(const uint64_t* pcs, size_t count, uint64_t epoch, bool truncated) {
  // One multiplication per frame: the chain is as long as the stack is deep. The end is scrambled once.
  uint64_t hash = epoch * 2 + truncated;
  for (size_t i = 0; i < count; ++i) {
    hash = (hash ^ pcs[i]) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  hash = sampler::Scramble(hash ^ count);
  return hash | (hash == 0);
}

uint64_t Find(uint64_t hash) {
  for (size_t probe = 0; probe < kMaxProbes; ++probe) {
    const Slot& slot = slots[(hash + probe) & slot_mask];
    const uint64_t found = slot.hash.load(std::memory_order_acquire);
    if (found == hash) return slot.id.load(std::memory_order_acquire);
    if (found == 0) return 0;
  }
  return 0;
}

uint64_t NewId() { return last_id.fetch_add(1, std::memory_order_relaxed) + 1; }

void Insert(uint64_t hash, uint64_t id) {
  for (size_t probe = 0; probe < kMaxProbes; ++probe) {
    Slot& slot = slots[(hash + probe) & slot_mask];
    uint64_t expected = 0;
    if (slot.hash.compare_exchange_strong(expected, hash)) {
      slot.id.store(id, std::memory_order_release);
      return;
    }
    if (expected == hash) return;  // another thread was first; either id will do
  }
}

}  // namespace perfagent::stack_table
