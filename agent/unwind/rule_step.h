// rule_step.h: from a frame to its caller by a compiled rule: a probe and one or two loads.
//
// Threads: any. Signals: safe.
#pragma once

#include <cstdint>

#include "agent/unwind/rule_table.h"
#include "agent/unwind/stack_bounds.h"

namespace perfagent {

// The registers that rules know, as they are in a frame while it waits for its callee to return.
struct FrameState {
  uint64_t pc, sp, rbp;
  friend bool operator==(const FrameState&, const FrameState&) = default;
};

// Where a step has read beside the return address, which lies right below the caller's sp. 0: nowhere.
struct StepSlots {
  uint64_t rbp;  // holds the caller's rbp
  uint64_t cfa;  // of a realigned frame: holds the caller's sp
};

// What may be read, with the common part in registers: the compiler would reload it after every store.
class ReadableStack {
 public:
  explicit ReadableStack(StackBounds* bounds) : bounds_(bounds), range_(bounds->range()) {}

  bool Load(uint64_t address, uint64_t* out) {
    if (!range_.Contains(address)) [[unlikely]] {
      is_elsewhere_ = true;
      if (!bounds_->Allows(address)) return false;
    }
    *out = *reinterpret_cast<const uint64_t*>(address);
    return true;
  }
  // Was any word read outside of the part that stays readable?
  bool is_elsewhere() const { return is_elsewhere_; }

 private:
  StackBounds* bounds_;
  StackBounds::Range range_;
  bool is_elsewhere_ = false;
};

// False: a word that the rule needs cannot be read, or the stack does not grow.
inline bool StepOut(PackedRule rule, ReadableStack* stack, FrameState* frame, StepSlots* slots) {
  uint64_t cfa = (rule.cfa_from_rbp() ? frame->rbp : frame->sp) + rule.cfa_offset();
  uint64_t saved = cfa - rule.rbp_below_cfa();
  if (rule.kind() == Rule::kRealigned) [[unlikely]] {
    const uint64_t slot = frame->rbp - rule.cfa_offset();
    if (slot % 8 != 0 || !stack->Load(slot, &cfa)) return false;
    slots->cfa = slot;
    saved = frame->rbp;
  }
  if (cfa <= frame->sp || cfa % 8 != 0) return false;
  uint64_t caller = 0;
  if (!stack->Load(cfa - 8, &caller)) return false;
  if (rule.rbp_saved()) {
    if (saved % 8 != 0 || !stack->Load(saved, &frame->rbp)) return false;
    slots->rbp = saved;
  }
  frame->pc = caller;
  frame->sp = cfa;
  return true;
}

}  // namespace perfagent
