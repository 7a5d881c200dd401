// cfi_program.h: .eh_frame's unwind program, executed up to one pc: where everything of the caller is.
//
// Threads, signals: safe anywhere; no lock, no allocation. About a microsecond.
#pragma once

#include <cstdint>

#include "agent/unwind/dwarf_reader.h"
#include "agent/unwind/eh_frame.h"

namespace perfagent::cfi {

// x86-64 psABI, figure 3.36: 0 to 15 are the integer registers, 16 is the return address.
inline constexpr unsigned kRbx = 3, kRbp = 6, kRsp = 7, kR12 = 12, kRip = 16, kRegisters = 17;

// A DWARF expression's bytes, in the object's mapping.
struct Expression {
  uint64_t begin, end;
};

// Where the caller's value of a register is.
struct Saved {
  enum Where : uint8_t {
    kUnspecified,  // nothing said: unchanged when the callee must save it
    kSame,
    kUndefined,     // of the return address: there is no caller
    kAtOffset,      // in memory at CFA + offset
    kIsOffset,      // CFA + offset
    kInRegister,    // in register number `offset`
    kAtExpression,  // in memory at the value of an expression of `length` bytes at address `offset`
    kIsExpression,  // that value
  };
  Where where = kUnspecified;
  uint16_t length = 0;
  int64_t offset = 0;

  Expression expression() const {
    const auto begin = static_cast<uint64_t>(offset);
    return {begin, begin + length};
  }
};

struct Row {
  // The frame's end: a register's value plus an offset, or the value of an expression.
  uint64_t cfa_register = kRsp;
  int64_t cfa_offset = 0;
  bool cfa_is_expression = false;
  Expression cfa_expression = {};
  Saved saved[kRegisters];
};

// Executes one function's program at a time.
class Program {
 public:
  // Computes the row at `pc`, an address inside of `function` (of a caller: one before the return address). False: the
  // program holds what no compiler for this machine emits.
  bool Run(const eh_frame::Function& function, uint64_t pc);
  const Row& row() const { return row_; }

 private:
  // Compilers remember one state at a time.
  static constexpr int kMostRemembered = 4;

  bool RunPart(uint64_t begin, uint64_t end, uint64_t last);
  bool Step(dwarf::Reader* reader, uint64_t* location);
  bool StepPlain(uint8_t opcode, dwarf::Reader* reader, uint64_t* location);
  bool StepCfa(uint8_t opcode, dwarf::Reader* reader);
  bool StepRegister(uint8_t opcode, dwarf::Reader* reader);
  Saved Factored(Saved::Where where, int64_t factored) const;
  void Set(uint64_t reg, Saved saved);
  void Restore(uint64_t reg);
  void DefineCfa(uint64_t reg);

  const eh_frame::Function* function_ = nullptr;
  Row row_, initial_;
  Row stack_[kMostRemembered];
  int remembered_ = 0;
};

}  // namespace perfagent::cfi
