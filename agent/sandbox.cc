#include "agent/sandbox.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <initializer_list>

#include "agent/sys.h"

namespace perfagent::sandbox {

namespace {

std::atomic<Rights> rights_now{kFree};

// The classic BPF machine, as far as seccomp filters may use it (linux/kernel/seccomp.c, seccomp_check_filter): 32-bit
// words, sixteen of memory, forward jumps only, loads from the call's data at aligned offsets.
class Machine {
 public:
  explicit Machine(const seccomp_data& data) : data_(data) {}

  uint32_t Run(const sock_filter* instructions, size_t count) {
    for (size_t at = 0; at < count; ++at) {
      const sock_filter& i = instructions[at];
      switch (BPF_CLASS(i.code)) {
        case BPF_RET:
          return BPF_RVAL(i.code) == BPF_A ? a_ : i.k;
        case BPF_JMP:
          at += Jump(i);
          break;
        case BPF_MISC:
          if (BPF_MISCOP(i.code) == BPF_TAX) x_ = a_;
          if (BPF_MISCOP(i.code) == BPF_TXA) a_ = x_;
          break;
        case BPF_ALU:
          if (!Compute(i)) return SECCOMP_RET_KILL_PROCESS;
          break;
        default:
          if (!Move(i)) return SECCOMP_RET_KILL_PROCESS;
      }
    }
    return SECCOMP_RET_KILL_PROCESS;
  }

 private:
  static constexpr size_t kWords = BPF_MEMWORDS;

  uint32_t Operand(const sock_filter& i) const { return BPF_SRC(i.code) == BPF_X ? x_ : i.k; }

  size_t Jump(const sock_filter& i) const {
    const uint32_t operand = Operand(i);
    switch (BPF_OP(i.code)) {
      case BPF_JEQ:
        return a_ == operand ? i.jt : i.jf;
      case BPF_JGT:
        return a_ > operand ? i.jt : i.jf;
      case BPF_JGE:
        return a_ >= operand ? i.jt : i.jf;
      case BPF_JSET:
        return (a_ & operand) != 0 ? i.jt : i.jf;
      default:
        return i.k;
    }
  }

  bool Compute(const sock_filter& i) {
    const uint32_t operand = Operand(i);
    switch (BPF_OP(i.code)) {
      case BPF_ADD:
        a_ += operand;
        return true;
      case BPF_SUB:
        a_ -= operand;
        return true;
      case BPF_MUL:
        a_ *= operand;
        return true;
      case BPF_DIV:
        if (operand == 0) return false;
        a_ /= operand;
        return true;
      case BPF_AND:
        a_ &= operand;
        return true;
      case BPF_OR:
        a_ |= operand;
        return true;
      case BPF_XOR:
        a_ ^= operand;
        return true;
      case BPF_LSH:
        a_ = operand < 32 ? a_ << operand : 0;
        return true;
      case BPF_RSH:
        a_ = operand < 32 ? a_ >> operand : 0;
        return true;
      case BPF_NEG:
        a_ = 0 - a_;
        return true;
      default:
        return false;
    }
  }

  // Where the call is made from, and its first two arguments: address and length, which differ each time.
  static bool IsPlace(uint32_t offset) {
    return offset >= offsetof(seccomp_data, instruction_pointer) &&
           offset < offsetof(seccomp_data, args) + 2 * sizeof data_.args[0];
  }

  // Loads and stores.
  bool Move(const sock_filter& i) {
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (i.k % 4 != 0 || i.k > sizeof data_ - 4 || IsPlace(i.k)) return false;
        memcpy(&a_, reinterpret_cast<const char*>(&data_) + i.k, 4);
        return true;
      case BPF_LD | BPF_IMM:
        a_ = i.k;
        return true;
      case BPF_LDX | BPF_IMM:
        x_ = i.k;
        return true;
      case BPF_LD | BPF_W | BPF_LEN:
        a_ = sizeof data_;
        return true;
      case BPF_LDX | BPF_W | BPF_LEN:
        x_ = sizeof data_;
        return true;
      default:
        return MoveMemory(i);
    }
  }
  bool MoveMemory(const sock_filter& i) {
    if (i.k >= kWords) return false;
    switch (i.code) {
      case BPF_LD | BPF_MEM:
        a_ = memory_[i.k];
        return true;
      case BPF_LDX | BPF_MEM:
        x_ = memory_[i.k];
        return true;
      case BPF_ST:
        memory_[i.k] = a_;
        return true;
      case BPF_STX:
        memory_[i.k] = x_;
        return true;
      default:
        return false;
    }
  }

  const seccomp_data& data_;
  uint32_t a_ = 0, x_ = 0;
  uint32_t memory_[kWords] = {};
};

bool Allows(uint32_t action) {
  const uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
  return kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG;
}

}  // namespace

Rights RightsUnder(const sock_fprog& filter) {
  for (const int advice : {MADV_POPULATE_READ, MADV_POPULATE_WRITE}) {
    seccomp_data data = {};
    data.nr = SYS_madvise;
    data.arch = AUDIT_ARCH_X86_64;
    data.args[2] = static_cast<uint64_t>(advice);
    if (!Allows(Machine(data).Run(filter.filter, filter.len))) return kNoCalls;
  }
  return kAdvice;
}

bool Entered() { return rights_now.load(std::memory_order_acquire) != kFree; }

bool MayAdvise() { return rights_now.load(std::memory_order_acquire) <= kAdvice; }

bool MayReadClock() { return rights_now.load(std::memory_order_acquire) != kNoClock; }

Rights Enter(Rights rights) {
  Rights now = rights_now.load();
  while (now < rights && !rights_now.compare_exchange_weak(now, rights)) {
  }
  return now;
}

void Undo(Rights before) { rights_now.store(before); }

}  // namespace perfagent::sandbox
