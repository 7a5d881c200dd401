// rule_table.h: return address -> rule, compiled once per process.
//
// Open addressing, insert-only; a slot is a pc and its packed rule. The rule carries the module epoch
// it was compiled in: after an unload it is compiled again before it is believed.
//
// Threads: any; a slot is claimed by compare-and-swap on its pc and published by one store of the
// rule. No locks. When full: rules are compiled anew each time. Signals: safe. Fork: inherited; code
// does not move.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "agent/unwind/cfi_compiler.h"

namespace perfagent {

// A rule in one word, read in place on every frame of every walk:
// kind 3 bits | cfa_from_rbp 1 | rbp_saved 1 | cfa_offset 20 | -rbp_offset 20 | epoch 16 | 3 unused
class PackedRule {
 public:
  constexpr PackedRule() : bits_(0) {}
  constexpr explicit PackedRule(uint64_t bits) : bits_(bits) {}
  PackedRule(const Rule& rule, uint64_t epoch)
      : bits_(static_cast<uint64_t>(rule.kind) | (rule.cfa_from_rbp ? kFromRbp : 0) |
              (rule.rbp_saved ? kRbpSaved : 0) |
              static_cast<uint64_t>(rule.cfa_offset) << kCfaShift |
              static_cast<uint64_t>(-rule.rbp_offset) << kRbpShift | EpochBits(epoch)) {}

  uint64_t bits() const { return bits_; }
  // 0 when there is no rule here.
  unsigned kind() const { return bits_ & 7; }
  bool cfa_from_rbp() const { return (bits_ & kFromRbp) != 0; }
  // Does the step to the caller depend on rbp?
  bool needs_rbp() const { return cfa_from_rbp() || kind() == Rule::kRealigned; }
  bool rbp_saved() const { return (bits_ & kRbpSaved) != 0; }
  uint64_t cfa_offset() const { return bits_ >> kCfaShift & kOffsetMask; }
  uint64_t rbp_below_cfa() const { return bits_ >> kRbpShift & kOffsetMask; }
  bool OfEpoch(uint64_t epoch) const { return (bits_ ^ EpochBits(epoch)) >> kEpochShift == 0; }

 private:
  static constexpr uint64_t kFromRbp = 8, kRbpSaved = 16, kOffsetMask = 0xfffff;
  static constexpr unsigned kCfaShift = 5, kRbpShift = 25, kEpochShift = 45;
  static constexpr uint64_t EpochBits(uint64_t epoch) { return (epoch & 0xffff) << kEpochShift; }

  uint64_t bits_;
};

namespace rule_table {

struct Slot {
  std::atomic<uint64_t> pc;    // 0 = free
  std::atomic<uint64_t> rule;  // PackedRule; 0 = claimed, not compiled yet
};

// 1 MiB of address space, touched as it fills: the return addresses of a large program's allocating
// paths.
inline constexpr size_t kSlots = size_t{1} << 16;
extern Slot* slots;

// False when there is no memory for the table.
bool Start();

inline size_t HomeOf(uint64_t pc) { return pc * 0x9e3779b97f4a7c15 >> 48; }

// For a pc that is not in its home slot, or not yet anywhere.
PackedRule FindElsewhere(uint64_t pc, uint64_t epoch, Workspace* workspace);

// The rule at return address `pc` in module epoch `epoch`; never of kind 0.
inline PackedRule Find(uint64_t pc, uint64_t epoch, Workspace* workspace) {
  const Slot& home = slots[HomeOf(pc)];
  if (home.pc.load(std::memory_order_relaxed) == pc) [[likely]] {
    const PackedRule rule(home.rule.load(std::memory_order_acquire));
    if (rule.kind() != 0 && rule.OfEpoch(epoch)) [[likely]]
      return rule;
  }
  return FindElsewhere(pc, epoch, workspace);
}

}  // namespace rule_table

}  // namespace perfagent
