// disassembly.h: the instructions of a library, as objdump prints them, and the ways through a function.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace perfagent::test {

struct Instruction {
  uint64_t address = 0;
  std::string mnemonic;  // with its prefixes: "lock cmpxchg"
  std::string operands;
  std::string symbol;  // what objdump says they refer to, with offset; empty where it says nothing
};

// The code of an object, by address.
using Disassembly = std::map<uint64_t, Instruction>;

// From the output of `objdump -d --no-show-raw-insn`.
Disassembly ParseDisassembly(const std::string& objdump_output);

// One way from a function's entry to where it leaves: by ret, or by a jump through a pointer or out of `ours`.
using Way = std::vector<Instruction>;

// Every way, both sides of each branch. Jumps to addresses where `is_ours` is false leave the function. Throws where a
// way does not end.
std::vector<Way> WaysFrom(const Disassembly& code, uint64_t entry,
                          const std::function<bool(uint64_t)>& is_ours);

bool IsCall(const Instruction& instruction);
// Is it atomic for other processors, and waits for them?
bool IsLocked(const Instruction& instruction);

}  // namespace perfagent::test
