#include "agent/unwind/rule_table.h"

#include "agent/sys.h"

namespace perfagent::rule_table {

Slot* slots;

namespace {

constexpr size_t kMaxProbes = 16;

// The slot of `pc`, claimed if need be; null when its neighbourhood is full.
Slot* SlotOf(uint64_t pc) {
  size_t at = HomeOf(pc);
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

PackedRule FindElsewhere(uint64_t pc, uint64_t epoch, Workspace* workspace) {
  Slot* slot = SlotOf(pc);
  if (slot != nullptr) {
    const PackedRule rule(slot->rule.load(std::memory_order_acquire));
    if (rule.kind() != 0 && rule.OfEpoch(epoch)) return rule;
  }
  const PackedRule rule(CompileRule(pc, workspace), epoch);
  if (slot != nullptr) slot->rule.store(rule.bits(), std::memory_order_release);
  return rule;
}

}  // namespace perfagent::rule_table
