// stack_bounds.h: which memory may a stack walk read without faulting?
//
// The highest address of the current stack is known without asking anybody: for the first thread it is
// __libc_stack_end; glibc puts every other thread's control block (%fs:0) at the top of its stack. From a page below
// it that was proven readable, all pages up to it are, so proof is needed once per page of depth
// (readable.h: no allocation, no descriptor, no lock; pthread_getattr_np does all three).
// Anything else (a signal stack, a fiber) is proven page by page within each walk.
//
// Threads: belongs to its thread. Signals: safe.
#pragma once

#include <cstddef>
#include <cstdint>

namespace perfagent {

class StackBounds {
 public:
  // Prepares for a walk that starts at stack pointer `sp`.
  void Enter(uintptr_t sp);

  // May the aligned word at `address` be read?
  bool Allows(uintptr_t address) {
    if (range_.Contains(address)) return true;
    return AllowsElsewhere(address);
  }

  // The part that is readable for as long as the thread lives.
  struct Range {
    uintptr_t low, top;
    bool Contains(uintptr_t address) const { return address >= low && address < top; }
  };
  Range range() const { return range_; }
  // The same, of another thread, which may be changing it.
  Range RangeOfOther() const {
    return {__atomic_load_n(&range_.low, __ATOMIC_RELAXED),
            __atomic_load_n(&range_.top, __ATOMIC_RELAXED)};
  }

  // A new thread took this over.
  void Reset() { *this = StackBounds(); }

 private:
  bool AllowsElsewhere(uintptr_t address);
  void ForgetElsewhere();

  static constexpr size_t kElsewhere = 8;

  // Updated one field at a time, each step leaving a range that is readable or empty: a signal
  // handler may longjmp out at any instruction.
  Range range_ = {~uintptr_t{0}, 0};
  uintptr_t elsewhere_[kElsewhere] = {};  // pages proven readable in this walk
  size_t elsewhere_next_ = 0;
};

}  // namespace perfagent
