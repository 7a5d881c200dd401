#include "tests/support/disassembly.h"

#include <iterator>
#include <regex>
#include <stdexcept>

namespace perfagent::test {

namespace {

constexpr size_t kLongestWay = 300;

bool IsReturn(const Instruction& i) { return i.mnemonic.find("ret") != std::string::npos; }
bool IsJump(const Instruction& i) { return i.mnemonic.ends_with("jmp"); }
bool IsBranch(const Instruction& i) { return i.mnemonic[0] == 'j' && !IsJump(i); }
bool IsIndirect(const Instruction& i) { return i.operands.starts_with("*"); }
uint64_t TargetOf(const Instruction& i) { return std::stoull(i.operands, nullptr, 16); }

class Walker {
 public:
  Walker(const Disassembly& code, const std::function<bool(uint64_t)>& is_ours)
      : code_(code), is_ours_(is_ours) {}

  void Walk(uint64_t address) {
    const auto found = code_.find(address);
    if (found == code_.end()) throw std::runtime_error("no instruction there");
    if (way_.size() == kLongestWay) throw std::runtime_error("a way without an end");
    const Instruction& i = found->second;
    way_.push_back(i);
    if (IsReturn(i) || (IsJump(i) && (IsIndirect(i) || !is_ours_(TargetOf(i))))) {
      ways_.push_back(way_);
    } else if (IsJump(i)) {
      Walk(TargetOf(i));
    } else {
      if (IsBranch(i)) Branch(TargetOf(i));
      Walk(std::next(found)->first);
    }
    way_.pop_back();
  }

  std::vector<Way> TakeWays() { return std::move(ways_); }

 private:
  void Branch(uint64_t target) { is_ours_(target) ? Walk(target) : ways_.push_back(way_); }

  const Disassembly& code_;
  const std::function<bool(uint64_t)>& is_ours_;
  Way way_;
  std::vector<Way> ways_;
};

}  // namespace

Disassembly ParseDisassembly(const std::string& objdump_output) {
  //     a785:\tcall   *0x15a2d(%rip)        # 201b8 <symbol>
  static const std::regex line(
      R"(^ *([0-9a-f]+):\t((?:(?:lock|bnd|notrack|repz|rep|data16|cs) )*\S+) *([^#<\n]*)(?:(?:# [0-9a-f]+ )?<([^>\n]*)>)?)",
      std::regex::multiline);
  Disassembly code;
  for (std::sregex_iterator it(objdump_output.begin(), objdump_output.end(), line), end; it != end;
       ++it) {
    const uint64_t address = std::stoull((*it)[1], nullptr, 16);
    code[address] = {address, (*it)[2], (*it)[3], (*it)[4]};
  }
  return code;
}

std::vector<Way> WaysFrom(const Disassembly& code, uint64_t entry,
                          const std::function<bool(uint64_t)>& is_ours) {
  Walker walker(code, is_ours);
  walker.Walk(entry);
  return walker.TakeWays();
}

bool IsCall(const Instruction& instruction) { return instruction.mnemonic.ends_with("call"); }

bool IsLocked(const Instruction& instruction) {
  const bool has_memory = instruction.operands.find('(') != std::string::npos;
  return instruction.mnemonic.starts_with("lock") ||
         (instruction.mnemonic.starts_with("xchg") && has_memory) ||
         instruction.mnemonic.ends_with("fence");
}

}  // namespace perfagent::test
