#include "agent/unwind/rule_table.h"

#include <atomic>
#include <cstddef>

#include "agent/sys.h"

namespace perfagent::rule_table {

namespace {

struct Slot {
  std::atomic<uint64_t> pc;    // 0 = free
  std::atomic<uint64_t> rule;  // 0 = claimed, not compiled yet
};

// 1 MiB of address space, touched as it fills: the return addresses of a large program's allocating paths.
constexpr size_t kSlots = size_t{1} << 16;
constexpr size_t kMaxProbes = 16;

Slot* slots;

// kind 3 bits | cfa_from_rbp 1 | rbp_saved 1 | cfa_offset 20 | -rbp_offset 20 | epoch 16 | 3 unused
uint64_t Pack(const Rule& rule, uint64_t epoch) {
  return static_cast<uint64_t>(rule.kind) | static_cast<uint64_t>(rule.cfa_from_rbp) << 3 |
         static_cast<uint64_t>(rule.rbp_saved) << 4 | static_cast<uint64_t>(rule.cfa_offset) << 5 |
         static_cast<uint64_t>(-rule.rbp_offset) << 25 | (epoch & 0xffff) << 45;
}

Rule Unpack(uint64_t packed) {
  return {static_cast<Rule::Kind>(packed & 7), (packed >> 3 & 1) != 0, (packed >> 4 & 1) != 0,
          static_cast<int32_t>(packed >> 5 & 0xfffff),
          -static_cast<int32_t>(packed >> 25 & 0xfffff)};
}

bool OfEpoch(uint64_t packed, uint64_t epoch) {
  return (packed >> 45 & 0xffff) == (epoch & 0xffff);
}

// The slot of `pc`, claimed if need be; null when its neighbourhood is full.
Slot* SlotOf(uint64_t pc) {
  size_t at = pc * 0x9e3779b97f4a7c15 >> 48;
  for (size_t probe = 0; probe < kMaxProbes; ++probe, ++at) {
    Slot& slot = slots[at % kSlots];
    uint64_t found = slot.pc.load(std::memory_order_acquire);
    if (found == pc) return &slot;
    if (found == 0 && (slot.pc.compare_exchange_strong(found, pc) || found == pc)) return &slot;
  }
  return nullptr;
}

}  // namespace

bool Start() {
  slots = static_cast<Slot*>(sys::Reserve(kSlots * sizeof(Slot)));
  return slots != nullptr;
}

Rule Find(uint64_t pc, uint64_t epoch) {
  Slot* slot = SlotOf(pc);
  if (slot != nullptr) {
    const uint64_t packed = slot->rule.load(std::memory_order_acquire);
    if (packed != 0 && OfEpoch(packed, epoch)) return Unpack(packed);
  }
  const Rule rule = CompileRule(pc);
  if (slot != nullptr) slot->rule.store(Pack(rule, epoch), std::memory_order_release);
  return rule;
}

}  // namespace perfagent::rule_table
