#include "agent/unwind/cfi_compiler.h"

#include "agent/unwind/dwarf_reader.h"
#include "agent/unwind/eh_frame.h"

namespace perfagent {

namespace {

// x86-64 psABI, figure 3.36.
constexpr uint64_t kRbp = 6, kRsp = 7, kRip = 16;

// DWARF 5, table 7.29, and the GNU extensions that gcc emits. The first three carry an operand in their low six bits.
enum Opcode : uint8_t {
  kAdvanceLoc = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kGnuArgsSize = 0x2e,
  kGnuNegativeOffsetExtended = 0x2f,
};

// Where the caller's value of a register is.
struct Saved {
  enum Where : uint8_t { kSame, kAtOffset, kUndefinedValue, kElsewhere };
  Where where = kSame;
  int64_t offset = 0;  // from the CFA
};

struct State {
  uint64_t cfa_register = kRsp;
  int64_t cfa_offset = 0;
  bool cfa_is_expression = false;
  Saved rbp, rip;

  void Set(uint64_t reg, Saved saved) {
    if (reg == kRbp) rbp = saved;
    if (reg == kRip) rip = saved;
  }
};

class Interpreter {
 public:
  Interpreter(const eh_frame::Function& function, uint64_t pc) : function_(function), pc_(pc) {}

  // False: the programs contain what this interpreter does not know.
  bool Run(State* out) {
    constexpr uint64_t kWholeProgram = ~uint64_t{0};
    if (!RunProgram(function_.cie_program, function_.cie_program_end, kWholeProgram)) return false;
    initial_ = state_;
    if (!RunProgram(function_.fde_program, function_.fde_program_end, pc_)) return false;
    *out = state_;
    return true;
  }

 private:
  static constexpr int kMostRemembered = 8;

  // Executes rows whose location is below `until`.
  bool RunProgram(uint64_t begin, uint64_t end, uint64_t until) {
    dwarf::Reader reader(begin, end);
    uint64_t location = function_.start;
    while (reader.at() < end && location < until) {
      if (!Step(&reader, &location) || !reader.ok()) return false;
    }
    return true;
  }

  bool Step(dwarf::Reader* reader, uint64_t* location) {
    const uint8_t opcode = reader->Get<uint8_t>();
    const uint64_t operand = opcode & 0x3f;
    switch (opcode & 0xc0) {
      case kAdvanceLoc:
        *location += operand * function_.code_align;
        return true;
      case kOffset:
        state_.Set(operand, AtFactored(static_cast<int64_t>(reader->Uleb())));
        return true;
      case kRestore:
        Restore(operand);
        return true;
      default:
        return StepPlain(opcode, reader, location);
    }
  }

  bool StepPlain(uint8_t opcode, dwarf::Reader* reader, uint64_t* location) {
    switch (opcode) {
      case kNop:
        return true;
      case kSetLoc:
        *location = reader->Pointer(function_.pointer_encoding, 0);
        return true;
      case kAdvanceLoc1:
        *location += reader->Get<uint8_t>() * function_.code_align;
        return true;
      case kAdvanceLoc2:
        *location += reader->Get<uint16_t>() * function_.code_align;
        return true;
      case kAdvanceLoc4:
        *location += reader->Get<uint32_t>() * function_.code_align;
        return true;
      case kRestoreExtended:
        Restore(reader->Uleb());
        return true;
      case kRememberState:
        if (remembered_ == kMostRemembered) return false;
        stack_[remembered_++] = state_;
        return true;
      case kRestoreState:
        if (remembered_ == 0) return false;
        state_ = stack_[--remembered_];
        return true;
      case kGnuArgsSize:
        reader->Uleb();
        return true;
      default:
        return StepCfa(opcode, reader) || StepRegister(opcode, reader);
    }
  }

  bool StepCfa(uint8_t opcode, dwarf::Reader* reader) {
    switch (opcode) {
      case kDefCfa:
        DefineCfa(reader->Uleb());
        state_.cfa_offset = static_cast<int64_t>(reader->Uleb());
        return true;
      case kDefCfaSf:
        DefineCfa(reader->Uleb());
        state_.cfa_offset = reader->Sleb() * function_.data_align;
        return true;
      case kDefCfaRegister:
        DefineCfa(reader->Uleb());
        return true;
      case kDefCfaOffset:
        state_.cfa_offset = static_cast<int64_t>(reader->Uleb());
        return true;
      case kDefCfaOffsetSf:
        state_.cfa_offset = reader->Sleb() * function_.data_align;
        return true;
      case kDefCfaExpression:
        state_.cfa_is_expression = true;
        reader->Skip(reader->Uleb());
        return true;
      default:
        return false;
    }
  }

  bool StepRegister(uint8_t opcode, dwarf::Reader* reader) {
    const uint64_t reg = reader->Uleb();
    switch (opcode) {
      case kOffsetExtended:
        state_.Set(reg, AtFactored(static_cast<int64_t>(reader->Uleb())));
        return true;
      case kOffsetExtendedSf:
        state_.Set(reg, AtFactored(reader->Sleb()));
        return true;
      case kGnuNegativeOffsetExtended:
        state_.Set(reg, AtFactored(-static_cast<int64_t>(reader->Uleb())));
        return true;
      case kUndefined:
        state_.Set(reg, {Saved::kUndefinedValue, 0});
        return true;
      case kSameValue:
        state_.Set(reg, {Saved::kSame, 0});
        return true;
      case kRegister:
      case kValOffset:
      case kValOffsetSf:
        reader->Uleb();
        state_.Set(reg, {Saved::kElsewhere, 0});
        return true;
      case kExpression:
      case kValExpression:
        reader->Skip(reader->Uleb());
        state_.Set(reg, {Saved::kElsewhere, 0});
        return true;
      default:
        return false;
    }
  }

  Saved AtFactored(int64_t factored) const {
    return {Saved::kAtOffset, factored * function_.data_align};
  }
  void DefineCfa(uint64_t reg) {
    state_.cfa_register = reg;
    state_.cfa_is_expression = false;
  }
  void Restore(uint64_t reg) {
    if (reg == kRbp) state_.rbp = initial_.rbp;
    if (reg == kRip) state_.rip = initial_.rip;
  }

  const eh_frame::Function& function_;
  const uint64_t pc_;
  State state_, initial_;
  State stack_[kMostRemembered];
  int remembered_ = 0;
};

constexpr Rule kWholeRule = {Rule::kWhole, false, false, 0, 0};

Rule RuleOf(const State& state) {
  constexpr int64_t kReturnAddress = -8;
  constexpr int64_t kFarthest = 1 << 19;  // what rule_table packs
  if (state.rip.where == Saved::kUndefinedValue) return {Rule::kEnd, false, false, 0, 0};
  const bool plain_cfa = !state.cfa_is_expression &&
                         (state.cfa_register == kRsp || state.cfa_register == kRbp) &&
                         state.cfa_offset >= 0 && state.cfa_offset < kFarthest;
  const bool plain_rip = state.rip.where == Saved::kAtOffset && state.rip.offset == kReturnAddress;
  const bool rbp_saved = state.rbp.where == Saved::kAtOffset;
  const bool plain_rbp = (rbp_saved && state.rbp.offset < 0 && state.rbp.offset > -kFarthest) ||
                         state.rbp.where == Saved::kSame;
  if (!plain_cfa || !plain_rip || !plain_rbp) return kWholeRule;
  return {Rule::kFrame, state.cfa_register == kRbp, rbp_saved,
          static_cast<int32_t>(state.cfa_offset), static_cast<int32_t>(state.rbp.offset)};
}

}  // namespace

Rule CompileRule(uint64_t pc) {
  eh_frame::Function function;
  if (!eh_frame::Find(pc - 1, &function)) return {Rule::kNone, false, false, 0, 0};
  if (function.signal_frame) return kWholeRule;
  State state;
  if (!Interpreter(function, pc).Run(&state)) return kWholeRule;
  return RuleOf(state);
}

}  // namespace perfagent
