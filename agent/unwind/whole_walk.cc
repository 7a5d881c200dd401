#include "agent/unwind/whole_walk.h"

#include "agent/modules.h"
#include "agent/unwind/dwarf_expression.h"

namespace perfagent::whole_walk {

namespace {

using cfi::Saved;
using dwarf::RegisterFile;

// psABI: rbx, rbp, rsp and r12 to r15 belong to the caller.
constexpr uint32_t kCalleeSaved =
    1u << cfi::kRbx | 1u << cfi::kRbp | 1u << cfi::kRsp | 0xfu << cfi::kR12;

RegisterFile FileOf(const Registers& r) {
  RegisterFile file = {};
  file.Set(cfi::kRip, r.rip);
  file.Set(cfi::kRsp, r.rsp);
  file.Set(cfi::kRbp, r.rbp);
  file.Set(cfi::kRbx, r.rbx);
  file.Set(cfi::kR12, r.r12);
  file.Set(cfi::kR12 + 1, r.r13);
  file.Set(cfi::kR12 + 2, r.r14);
  file.Set(cfi::kR12 + 3, r.r15);
  return file;
}

// From one frame to its caller.
class Stepper {
 public:
  Stepper(const RegisterFile& callee, StackBounds* bounds) : callee_(callee), bounds_(bounds) {}

  bool Run(const cfi::Row& row, RegisterFile* caller) {
    if (!FindCfa(row)) return false;
    caller->known = 0;
    for (unsigned reg = 0; reg < cfi::kRegisters; ++reg) {
      uint64_t value;
      if (Recover(reg, row.saved[reg], &value)) caller->Set(reg, value);
    }
    return caller->Knows(cfi::kRip) && caller->Knows(cfi::kRsp);
  }

 private:
  bool FindCfa(const cfi::Row& row) {
    if (row.cfa_is_expression) {
      return dwarf::Evaluate(row.cfa_expression, callee_, nullptr, bounds_, &cfa_);
    }
    if (!callee_.Knows(row.cfa_register)) return false;
    cfa_ = callee_.value[row.cfa_register] + static_cast<uint64_t>(row.cfa_offset);
    return true;
  }

  bool Recover(unsigned reg, const Saved& saved, uint64_t* value) {
    const uint64_t at = cfa_ + static_cast<uint64_t>(saved.offset);
    switch (saved.where) {
      case Saved::kUndefined:
        return false;
      case Saved::kUnspecified:
        if (reg == cfi::kRsp) {
          *value = cfa_;
          return true;
        }
        return (kCalleeSaved >> reg & 1) != 0 && Copy(reg, value);
      case Saved::kSame:
        return Copy(reg, value);
      case Saved::kInRegister:
        return Copy(static_cast<uint64_t>(saved.offset), value);
      case Saved::kAtOffset:
        return dwarf::LoadWord(at, bounds_, value);
      case Saved::kIsOffset:
        *value = at;
        return true;
      case Saved::kIsExpression:
        return dwarf::Evaluate(saved.expression(), callee_, &cfa_, bounds_, value);
      case Saved::kAtExpression:
        return dwarf::Evaluate(saved.expression(), callee_, &cfa_, bounds_, value) &&
               dwarf::LoadWord(*value, bounds_, value);
    }
    return false;
  }
  bool Copy(uint64_t reg, uint64_t* value) const {
    if (!callee_.Knows(reg)) return false;
    *value = callee_.value[reg];
    return true;
  }

  const RegisterFile& callee_;
  StackBounds* bounds_;
  uint64_t cfa_ = 0;
};

}  // namespace

Walk Run(const Registers& registers, Workspace* workspace, uint64_t* pcs, size_t most) {
  StackBounds* bounds = &workspace->bounds;
  const eh_frame::Function& function = workspace->function;
  const cfi::Row& row = workspace->program.row();
  bounds->Enter(registers.rsp);
  RegisterFile frame = FileOf(registers);
  Walk walk = {0, true};
  bool interrupted =
      false;  // the frame below was a signal's: pc is where this one is, not where it goes on
  while (frame.value[cfi::kRip] != 0) {
    const uint64_t pc = frame.value[cfi::kRip];
    if (walk.count != 0 || !modules::IsAgent(pc)) {
      if (walk.count == most) return walk;
      pcs[walk.count++] = pc + (interrupted ? 1 : 0);
    }
    const uint64_t inside = interrupted ? pc : pc - 1;
    if (!eh_frame::Find(inside, &workspace->function)) return walk;
    if (!workspace->program.Run(function, inside)) return walk;
    if (row.saved[cfi::kRip].where == Saved::kUndefined) break;
    RegisterFile caller;
    if (!Stepper(frame, bounds).Run(row, &caller)) return walk;
    // But for signals, which may have a stack of their own, stacks grow.
    if (!function.signal_frame && caller.value[cfi::kRsp] <= frame.value[cfi::kRsp]) return walk;
    frame = caller;
    interrupted = function.signal_frame;
  }
  walk.truncated = false;
  return walk;
}

}  // namespace perfagent::whole_walk
