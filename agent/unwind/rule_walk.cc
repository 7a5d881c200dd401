#include "agent/unwind/rule_walk.h"

#include "agent/modules.h"
#include "agent/unwind/rule_table.h"

namespace perfagent::rule_walk {

namespace {

struct Frame {
  uint64_t pc, rsp, rbp;
};

uint64_t Load(uint64_t address) { return *reinterpret_cast<const uint64_t*>(address); }

// From a frame to its caller. False: a word that the rule needs cannot be read, or the stack does not grow.
bool StepOut(const Rule& rule, StackBounds* bounds, Frame* frame) {
  const uint64_t cfa =
      (rule.cfa_from_rbp ? frame->rbp : frame->rsp) + static_cast<uint64_t>(rule.cfa_offset);
  if (cfa <= frame->rsp || cfa % 8 != 0 || !bounds->Allows(cfa - 8)) return false;
  if (rule.rbp_saved) {
    const uint64_t saved = cfa + static_cast<uint64_t>(static_cast<int64_t>(rule.rbp_offset));
    if (!bounds->Allows(saved)) return false;
    frame->rbp = Load(saved);
  }
  frame->pc = Load(cfa - 8);
  frame->rsp = cfa;
  return true;
}

}  // namespace

bool Run(const whole_walk::Registers& registers, uint64_t epoch, StackBounds* bounds, uint64_t* pcs,
         size_t most, whole_walk::Walk* walk) {
  bounds->Enter(registers.rsp);
  Frame frame = {registers.rip, registers.rsp, registers.rbp};
  size_t count = 0;
  while (frame.pc != 0) {
    if (count != 0 || !modules::IsAgent(frame.pc)) {
      if (count == most) {
        *walk = {count, true};
        return true;
      }
      pcs[count++] = frame.pc;
    }
    const Rule rule = rule_table::Find(frame.pc, epoch);
    if (rule.kind == Rule::kWhole) return false;
    if (rule.kind == Rule::kEnd) break;
    if (rule.kind == Rule::kNone || !StepOut(rule, bounds, &frame)) {
      *walk = {count, true};
      return true;
    }
  }
  *walk = {count, false};
  return true;
}

}  // namespace perfagent::rule_walk
