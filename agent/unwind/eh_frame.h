// eh_frame.h: unwind information of a code address: .eh_frame_hdr's table, then the FDE and its CIE.
//
// Reads the object's own mapping, which the loader keeps while its code can be on a stack.
//
// Threads, signals: safe anywhere; no lock, no allocation (_dl_find_object is lock-free since glibc 2.35).
#pragma once

#include <cstdint>

namespace perfagent::eh_frame {

// The unwind program of one function: what DWARF calls CIE and FDE, resolved to addresses.
struct Function {
  uint64_t start, end;  // code covered
  uint64_t cie_program, cie_program_end;
  uint64_t fde_program, fde_program_end;
  uint64_t code_align;
  int64_t data_align;
  uint64_t return_column;
  bool signal_frame;
  uint8_t pointer_encoding;
  uint64_t object_start, object_end;  // the mapping that holds all of it
};

// False when `pc` has no unwind information.
bool Find(uint64_t pc, Function* out);

}  // namespace perfagent::eh_frame
