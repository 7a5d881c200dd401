// cfi_compiler.h: .eh_frame's unwind program at one pc -> one rule: how to find the caller.
//
// A rule knows what nearly all compiled code needs: the frame's end (CFA) is rsp or rbp plus a constant, the return
// address lies right below it, and rbp is unchanged or saved at a constant distance. Frames that were realigned keep their
// CFA in a word below rbp. What needs more (other expressions and base registers, signal frames) is kWhole: such a walk is
// done by whole_walk, from its beginning.
//
// Threads, signals: safe anywhere; no lock, no allocation. About a microsecond.
#pragma once

#include <cstdint>

#include "agent/unwind/workspace.h"

namespace perfagent {

struct Rule {
  enum Kind : uint8_t {
    kFrame = 1,      // the three fields below apply
    kEnd = 2,        // the outermost frame: it has no caller
    kNone = 3,       // no unwind information
    kWhole = 4,      // whole_walk has to walk this stack
    kRealigned = 5,  // the CFA is in memory at rbp - cfa_offset, the caller's rbp at rbp
  };
  Kind kind;
  bool cfa_from_rbp;  // else from rsp
  bool rbp_saved;
  int32_t cfa_offset;  // CFA = base + cfa_offset
  int32_t rbp_offset;  // rbp is at CFA + rbp_offset
};

// The rule at the return address `pc` (the instruction before it is the call).
Rule CompileRule(uint64_t pc, Workspace* workspace);

}  // namespace perfagent
