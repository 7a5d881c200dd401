#include "agent/unwind/rule_walk.h"

#include "agent/modules.h"
#include "agent/unwind/rule_table.h"

namespace perfagent::rule_walk {

namespace {

struct Frame {
  uint64_t pc, rsp, rbp;
};

uint64_t Load(uint64_t address) { return *reinterpret_cast<const uint64_t*>(address); }

// What may be read, with the common part in registers: the compiler would reload it after every
// store of a pc.
struct Readable {
  StackBounds* bounds;
  StackBounds::Range range;

  bool Allows(uint64_t address) const { return range.Contains(address) || bounds->Allows(address); }
};

// From a frame to its caller. False: a word that the rule needs cannot be read, or the stack does not
// grow.
bool StepOut(PackedRule rule, const Readable& readable, Frame* frame) {
  const uint64_t cfa = (rule.cfa_from_rbp() ? frame->rbp : frame->rsp) + rule.cfa_offset();
  if (cfa <= frame->rsp || cfa % 8 != 0 || !readable.Allows(cfa - 8)) return false;
  if (rule.rbp_saved()) {
    const uint64_t saved = cfa - rule.rbp_below_cfa();
    if (!readable.Allows(saved)) return false;
    frame->rbp = Load(saved);
  }
  frame->pc = Load(cfa - 8);
  frame->rsp = cfa;
  return true;
}

}  // namespace

bool Run(const whole_walk::Registers& registers, uint64_t epoch, Workspace* workspace,
         uint64_t* pcs, size_t most, whole_walk::Walk* walk) {
  StackBounds* bounds = &workspace->bounds;
  bounds->Enter(registers.rsp);
  const Readable readable = {bounds, bounds->range()};
  Frame frame = {registers.rip, registers.rsp, registers.rbp};
  size_t count = 0;
  *walk = {0, true};
  while (frame.pc != 0) {
    if (count != 0 || !modules::IsAgent(frame.pc)) {
      if (count == most) {
        walk->count = count;
        return true;
      }
      pcs[count++] = frame.pc;
    }
    const PackedRule rule = rule_table::Find(frame.pc, epoch, workspace);
    if (rule.kind() != Rule::kFrame) [[unlikely]] {
      *walk = {count, rule.kind() != Rule::kEnd};
      return rule.kind() != Rule::kWhole;
    }
    if (!StepOut(rule, readable, &frame)) {
      walk->count = count;
      return true;
    }
  }
  *walk = {count, false};
  return true;
}

}  // namespace perfagent::rule_walk
