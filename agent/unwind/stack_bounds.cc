#include "agent/unwind/stack_bounds.h"

#include <pthread.h>

#include <atomic>

#include "agent/readable.h"

extern "C" void* __libc_stack_end;

namespace perfagent {

namespace {

// Nearer to the top than this, an address is taken to be on that stack; what lies between is proven, not believed.
constexpr uintptr_t kLargestStack = uintptr_t{64} << 20;

uintptr_t PageOf(uintptr_t address) { return address & ~(kPageBytes - 1); }

uintptr_t TopOfStackAt(uintptr_t sp) {
  const auto first_thread = reinterpret_cast<uintptr_t>(__libc_stack_end);
  if (first_thread - sp < kLargestStack) return first_thread;
  const auto control_block = static_cast<uintptr_t>(pthread_self());
  if (control_block - sp < kLargestStack) return control_block;
  return 0;
}

}  // namespace

void StackBounds::Enter(uintptr_t sp) {
  if (elsewhere_next_ != 0) ForgetElsewhere();
  if (range_.Contains(sp)) return;
  const uintptr_t top = TopOfStackAt(sp);
  if (top == 0) return;
  volatile Range* range = &range_;  // in this order
  if (top != range->top) {
    range->low = ~uintptr_t{0};
    range->top = top;
    range->low = top;
  }
  // Downwards from what is proven: the first page that is not readable ends it (a guard page between
  // two stacks).
  const uintptr_t wanted = PageOf(sp);
  while (range->low > wanted) {
    const uintptr_t page = PageOf(range->low - 1);
    if (!Readable(page)) return;
    range->low = page;
  }
}

void StackBounds::ForgetElsewhere() {
  for (uintptr_t& page : elsewhere_) page = 0;
  elsewhere_next_ = 0;
}

bool StackBounds::AllowsElsewhere(uintptr_t address) {
  const uintptr_t page = PageOf(address);
  if (page == 0) return false;  // also the mark of an unused entry
  for (uintptr_t known : elsewhere_) {
    if (known == page) return true;
  }
  if (!Readable(page)) return false;
  // Counted first: a walk that is left here is not to be believed by the next.
  ++elsewhere_next_;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  elsewhere_[elsewhere_next_ % kElsewhere] = page;
  return true;
}

}  // namespace perfagent
