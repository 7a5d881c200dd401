#include "agent/unwind/dwarf_expression.h"

#include <cstring>

#include "agent/unwind/dwarf_reader.h"

namespace perfagent::dwarf {

namespace {

// DWARF 5, table 7.9.
enum Operation : uint8_t {
  kAddr = 0x03,
  kDeref = 0x06,
  kConst1u = 0x08,
  kConst1s = 0x09,
  kConst2u = 0x0a,
  kConst2s = 0x0b,
  kConst4u = 0x0c,
  kConst4s = 0x0d,
  kConst8u = 0x0e,
  kConst8s = 0x0f,
  kConstu = 0x10,
  kConsts = 0x11,
  kDup = 0x12,
  kDrop = 0x13,
  kOver = 0x14,
  kPick = 0x15,
  kSwap = 0x16,
  kAnd = 0x1a,
  kMinus = 0x1c,
  kMul = 0x1e,
  kNeg = 0x1f,
  kNot = 0x20,
  kOr = 0x21,
  kPlus = 0x22,
  kPlusUconst = 0x23,
  kShl = 0x24,
  kShr = 0x25,
  kXor = 0x27,
  kBra = 0x28,
  kEq = 0x29,
  kGe = 0x2a,
  kGt = 0x2b,
  kLe = 0x2c,
  kLt = 0x2d,
  kNe = 0x2e,
  kSkip = 0x2f,
  kLit0 = 0x30,
  kLit31 = 0x4f,
  kBreg0 = 0x70,
  kBreg31 = 0x8f,
  kBregx = 0x92,
  kNop = 0x96,
};

class Machine {
 public:
  Machine(cfi::Expression expression, const RegisterFile& registers, StackBounds* bounds)
      : expression_(expression),
        reader_(expression.begin, expression.end),
        registers_(registers),
        bounds_(bounds) {}

  void Push(uint64_t value) {
    if (depth_ == kMostValues) {
      ok_ = false;
    } else {
      stack_[depth_++] = value;
    }
  }

  bool Run(uint64_t* out) {
    // Backward jumps are allowed by the standard and used by nobody: a limit ends loops.
    for (int steps = 0; steps < kMostSteps && reader_.at() < expression_.end; ++steps) {
      if (!Step(reader_.Get<uint8_t>()) || !ok_ || !reader_.ok()) return false;
    }
    *out = Pop();
    return ok_ && reader_.at() == expression_.end;
  }

 private:
  static constexpr int kMostValues = 16, kMostSteps = 256;

  uint64_t Pop() {
    if (depth_ == 0) {
      ok_ = false;
      return 0;
    }
    return stack_[--depth_];
  }
  void PushBelow(uint64_t down) {
    if (down >= static_cast<uint64_t>(depth_)) {
      ok_ = false;
    } else {
      Push(stack_[depth_ - 1 - static_cast<int>(down)]);
    }
  }
  void PushRegister(uint64_t reg) {
    const auto offset = static_cast<uint64_t>(reader_.Sleb());
    ok_ = ok_ && registers_.Knows(reg);
    if (ok_) Push(registers_.value[reg] + offset);
  }

  bool Step(uint8_t operation) {
    if (operation >= kLit0 && operation <= kLit31) {
      Push(operation - kLit0);
      return true;
    }
    if (operation >= kBreg0 && operation <= kBreg31) {
      PushRegister(operation - kBreg0);
      return true;
    }
    return StepConstant(operation) || StepStack(operation) || StepUnary(operation) ||
           StepBinary(operation);
  }

  template <typename T>
  bool PushConstant() {
    Push(static_cast<uint64_t>(static_cast<int64_t>(reader_.Get<T>())));
    return true;
  }

  bool StepConstant(uint8_t operation) {
    switch (operation) {
      case kConst1u:
        return PushConstant<uint8_t>();
      case kConst1s:
        return PushConstant<int8_t>();
      case kConst2u:
        return PushConstant<uint16_t>();
      case kConst2s:
        return PushConstant<int16_t>();
      case kConst4u:
        return PushConstant<uint32_t>();
      case kConst4s:
        return PushConstant<int32_t>();
      case kAddr:
      case kConst8u:
      case kConst8s:
        return PushConstant<int64_t>();
      case kConstu:
        Push(reader_.Uleb());
        return true;
      case kConsts:
        Push(static_cast<uint64_t>(reader_.Sleb()));
        return true;
      case kBregx:
        PushRegister(reader_.Uleb());
        return true;
      default:
        return false;
    }
  }

  bool StepStack(uint8_t operation) {
    switch (operation) {
      case kNop:
        return true;
      case kDup:
        PushBelow(0);
        return true;
      case kDrop:
        Pop();
        return true;
      case kOver:
        PushBelow(1);
        return true;
      case kPick:
        PushBelow(reader_.Get<uint8_t>());
        return true;
      case kSwap: {
        const uint64_t top = Pop(), below = Pop();
        Push(top);
        Push(below);
        return true;
      }
      case kSkip:
        Jump(reader_.Get<int16_t>());
        return true;
      case kBra: {
        const auto offset = reader_.Get<int16_t>();
        if (Pop() != 0) Jump(offset);
        return true;
      }
      default:
        return false;
    }
  }
  void Jump(int16_t offset) {
    const uint64_t target = reader_.at() + static_cast<uint64_t>(static_cast<int64_t>(offset));
    if (target < expression_.begin || target > expression_.end) {
      ok_ = false;
    } else {
      reader_ = Reader(target, expression_.end);
    }
  }

  bool StepUnary(uint8_t operation) {
    switch (operation) {
      case kDeref: {
        uint64_t word = 0;
        ok_ = LoadWord(Pop(), bounds_, &word) && ok_;
        Push(word);
        return true;
      }
      case kNeg:
        Push(0 - Pop());
        return true;
      case kNot:
        Push(~Pop());
        return true;
      case kPlusUconst:
        Push(Pop() + reader_.Uleb());
        return true;
      default:
        return false;
    }
  }

  bool StepBinary(uint8_t operation) {
    if (operation < kAnd || operation > kNe) return false;
    const uint64_t b = Pop(), a = Pop();
    const auto sa = static_cast<int64_t>(a), sb = static_cast<int64_t>(b);
    switch (operation) {
      case kAnd:
        Push(a & b);
        return true;
      case kMinus:
        Push(a - b);
        return true;
      case kMul:
        Push(a * b);
        return true;
      case kOr:
        Push(a | b);
        return true;
      case kPlus:
        Push(a + b);
        return true;
      case kShl:
        Push(b < 64 ? a << b : 0);
        return true;
      case kShr:
        Push(b < 64 ? a >> b : 0);
        return true;
      case kXor:
        Push(a ^ b);
        return true;
      case kEq:
        Push(sa == sb);
        return true;
      case kGe:
        Push(sa >= sb);
        return true;
      case kGt:
        Push(sa > sb);
        return true;
      case kLe:
        Push(sa <= sb);
        return true;
      case kLt:
        Push(sa < sb);
        return true;
      case kNe:
        Push(sa != sb);
        return true;
      default:
        return false;
    }
  }

  cfi::Expression expression_;
  Reader reader_;
  const RegisterFile& registers_;
  StackBounds* bounds_;
  uint64_t stack_[kMostValues] = {};
  int depth_ = 0;
  bool ok_ = true;
};

}  // namespace

bool LoadWord(uint64_t address, StackBounds* bounds, uint64_t* out) {
  constexpr uint64_t kLast = sizeof(uint64_t) - 1;
  if (!bounds->Allows(address & ~kLast) || !bounds->Allows((address + kLast) & ~kLast)) {
    return false;
  }
  // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): page 0 is never allowed
  memcpy(out, reinterpret_cast<const void*>(address), sizeof *out);
  return true;
}

bool Evaluate(cfi::Expression expression, const RegisterFile& registers, const uint64_t* first,
              StackBounds* bounds, uint64_t* out) {
  Machine machine(expression, registers, bounds);
  if (first != nullptr) machine.Push(*first);
  return machine.Run(out);
}

}  // namespace perfagent::dwarf
