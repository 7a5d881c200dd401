#include "agent/unwind/cfi_program.h"

namespace perfagent::cfi {

namespace {

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

Saved ReadExpression(Saved::Where where, dwarf::Reader* reader) {
  const uint64_t length = reader->Uleb();
  const uint64_t begin = reader->at();
  // One that is too long for a Saved becomes empty, which has no value.
  reader->Skip(length);
  return {where, length <= UINT16_MAX ? static_cast<uint16_t>(length) : uint16_t{0},
          static_cast<int64_t>(begin)};
}

}  // namespace

bool Program::Run(const eh_frame::Function& function, uint64_t pc) {
  constexpr uint64_t kAll = ~uint64_t{0};
  function_ = &function;
  row_ = Row();
  initial_ = Row();
  remembered_ = 0;
  if (!RunPart(function.cie_program, function.cie_program_end, kAll)) return false;
  initial_ = row_;
  return RunPart(function.fde_program, function.fde_program_end, pc);
}

// Executes what applies at or before `last`.
bool Program::RunPart(uint64_t begin, uint64_t end, uint64_t last) {
  dwarf::Reader reader(begin, end);
  uint64_t location = function_->start;
  while (reader.at() < end && location <= last) {
    if (!Step(&reader, &location) || !reader.ok()) return false;
  }
  return true;
}

bool Program::Step(dwarf::Reader* reader, uint64_t* location) {
  const uint8_t opcode = reader->Get<uint8_t>();
  const uint64_t operand = opcode & 0x3f;
  switch (opcode & 0xc0) {
    case kAdvanceLoc:
      *location += operand * function_->code_align;
      return true;
    case kOffset:
      Set(operand, Factored(Saved::kAtOffset, static_cast<int64_t>(reader->Uleb())));
      return true;
    case kRestore:
      Restore(operand);
      return true;
    default:
      return StepPlain(opcode, reader, location);
  }
}

bool Program::StepPlain(uint8_t opcode, dwarf::Reader* reader, uint64_t* location) {
  switch (opcode) {
    case kNop:
      return true;
    case kSetLoc:
      *location = reader->Pointer(function_->pointer_encoding, 0);
      return true;
    case kAdvanceLoc1:
      *location += reader->Get<uint8_t>() * function_->code_align;
      return true;
    case kAdvanceLoc2:
      *location += reader->Get<uint16_t>() * function_->code_align;
      return true;
    case kAdvanceLoc4:
      *location += reader->Get<uint32_t>() * function_->code_align;
      return true;
    case kRestoreExtended:
      Restore(reader->Uleb());
      return true;
    case kRememberState:
      if (remembered_ == kMostRemembered) return false;
      stack_[remembered_++] = row_;
      return true;
    case kRestoreState:
      if (remembered_ == 0) return false;
      row_ = stack_[--remembered_];
      return true;
    case kGnuArgsSize:
      reader->Uleb();
      return true;
    default:
      return StepCfa(opcode, reader) || StepRegister(opcode, reader);
  }
}

bool Program::StepCfa(uint8_t opcode, dwarf::Reader* reader) {
  switch (opcode) {
    case kDefCfa:
      DefineCfa(reader->Uleb());
      row_.cfa_offset = static_cast<int64_t>(reader->Uleb());
      return true;
    case kDefCfaSf:
      DefineCfa(reader->Uleb());
      row_.cfa_offset = reader->Sleb() * function_->data_align;
      return true;
    case kDefCfaRegister:
      DefineCfa(reader->Uleb());
      return true;
    case kDefCfaOffset:
      row_.cfa_offset = static_cast<int64_t>(reader->Uleb());
      return true;
    case kDefCfaOffsetSf:
      row_.cfa_offset = reader->Sleb() * function_->data_align;
      return true;
    case kDefCfaExpression: {
      const Saved expression = ReadExpression(Saved::kIsExpression, reader);
      row_.cfa_is_expression = true;
      row_.cfa_expression = expression.expression();
      return true;
    }
    default:
      return false;
  }
}

bool Program::StepRegister(uint8_t opcode, dwarf::Reader* reader) {
  const uint64_t reg = reader->Uleb();
  switch (opcode) {
    case kOffsetExtended:
      Set(reg, Factored(Saved::kAtOffset, static_cast<int64_t>(reader->Uleb())));
      return true;
    case kOffsetExtendedSf:
      Set(reg, Factored(Saved::kAtOffset, reader->Sleb()));
      return true;
    case kGnuNegativeOffsetExtended:
      Set(reg, Factored(Saved::kAtOffset, -static_cast<int64_t>(reader->Uleb())));
      return true;
    case kValOffset:
      Set(reg, Factored(Saved::kIsOffset, static_cast<int64_t>(reader->Uleb())));
      return true;
    case kValOffsetSf:
      Set(reg, Factored(Saved::kIsOffset, reader->Sleb()));
      return true;
    case kUndefined:
      Set(reg, {Saved::kUndefined});
      return true;
    case kSameValue:
      Set(reg, {Saved::kSame});
      return true;
    case kRegister:
      Set(reg, {Saved::kInRegister, 0, static_cast<int64_t>(reader->Uleb())});
      return true;
    case kExpression:
      Set(reg, ReadExpression(Saved::kAtExpression, reader));
      return true;
    case kValExpression:
      Set(reg, ReadExpression(Saved::kIsExpression, reader));
      return true;
    default:
      return false;
  }
}

Saved Program::Factored(Saved::Where where, int64_t factored) const {
  return {where, 0, factored * function_->data_align};
}
// Vector registers and the like are nobody's concern here.
void Program::Set(uint64_t reg, Saved saved) {
  if (reg < kRegisters) row_.saved[reg] = saved;
}
void Program::Restore(uint64_t reg) {
  if (reg < kRegisters) row_.saved[reg] = initial_.saved[reg];
}
void Program::DefineCfa(uint64_t reg) {
  row_.cfa_register = reg;
  row_.cfa_is_expression = false;
}

}  // namespace perfagent::cfi
