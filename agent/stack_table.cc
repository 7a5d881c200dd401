#include "agent/stack_table.h"

#include <atomic>

#include "agent/sys.h"

namespace perfagent::stack_table {

namespace {

struct Slot {
  std::atomic<uint64_t> key;  // 0 = free
  std::atomic<uint64_t> id;   // 0 = claimed, not filled in yet
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

uint64_t Find(uint64_t key) {
  for (size_t probe = 0; probe < kMaxProbes; ++probe) {
    const Slot& slot = slots[(key + probe) & slot_mask];
    const uint64_t found = slot.key.load(std::memory_order_acquire);
    if (found == key) return slot.id.load(std::memory_order_acquire);
    if (found == 0) return 0;
  }
  return 0;
}

void Prefetch(uint64_t key) { __builtin_prefetch(&slots[key & slot_mask]); }

uint64_t NewIds(uint64_t count) { return last_id.fetch_add(count, std::memory_order_relaxed) + 1; }

void Insert(uint64_t key, uint64_t id) {
  for (size_t probe = 0; probe < kMaxProbes; ++probe) {
    Slot& slot = slots[(key + probe) & slot_mask];
    uint64_t expected = 0;
    if (slot.key.compare_exchange_strong(expected, key)) {
      slot.id.store(id, std::memory_order_release);
      return;
    }
    if (expected == key) return;  // another thread was first; either id will do
  }
}

}  // namespace perfagent::stack_table
