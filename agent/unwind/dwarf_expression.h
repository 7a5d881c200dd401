// dwarf_expression.h: DWARF expressions (DWARF 5, 2.5.1), as unwind programs use them: signal frames, PLT entries,
// realigned stacks.
//
// Threads, signals: safe anywhere; no lock, no allocation. Reads memory only where `bounds` allows.
#pragma once

#include <cstdint>

#include "agent/unwind/cfi_program.h"
#include "agent/unwind/stack_bounds.h"

namespace perfagent::dwarf {

// Values of registers that are known.
struct RegisterFile {
  uint64_t value[cfi::kRegisters];
  uint32_t known;  // bit N: register N

  bool Knows(uint64_t reg) const { return reg < cfi::kRegisters && (known >> reg & 1) != 0; }
  void Set(unsigned reg, uint64_t to) {
    value[reg] = to;
    known |= 1u << reg;
  }
  void Forget(unsigned reg) { known &= ~(1u << reg); }
};

// Reads the word at `address`, on a stack. False: it may not be read.
bool LoadWord(uint64_t address, StackBounds* bounds, uint64_t* out);

// Evaluates with `*first`, if any, pushed first. False: an unknown register, memory that may not be read, or an operation
// that unwind programs do not use.
bool Evaluate(cfi::Expression expression, const RegisterFile& registers, const uint64_t* first,
              StackBounds* bounds, uint64_t* out);

}  // namespace perfagent::dwarf
