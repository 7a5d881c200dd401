#include "agent/unwind/stack_bounds.h"

#include <pthread.h>

#include "agent/sys.h"

extern "C" void* __libc_stack_end;

namespace perfagent {

namespace {

constexpr uintptr_t kPage = 4096;

// Nearer to the top than this, an address is taken to be on that stack; what lies between is proven, not believed.
constexpr uintptr_t kLargestStack = uintptr_t{64} << 20;

uintptr_t PageOf(uintptr_t address) { return address & ~(kPage - 1); }

uintptr_t TopOfStackAt(uintptr_t sp) {
  const auto first_thread = reinterpret_cast<uintptr_t>(__libc_stack_end);
  if (first_thread - sp < kLargestStack) return first_thread;
  const auto control_block = static_cast<uintptr_t>(pthread_self());
  if (control_block - sp < kLargestStack) return control_block;
  return 0;
}

}  // namespace

void StackBounds::Enter(uintptr_t sp) {
  elsewhere_next_ = 0;
  for (uintptr_t& page : elsewhere_) page = 0;
  if (sp - low_ < size_) return;
  const uintptr_t top = TopOfStackAt(sp);
  if (top == 0) return;
  if (top != low_ + size_) {
    low_ = top;
    size_ = 0;
  }
  // Downwards from what is proven: the first page that is not readable ends it (a guard page between two stacks).
  const uintptr_t wanted = PageOf(sp);
  while (low_ > wanted) {
    const uintptr_t page = PageOf(low_ - 1);
    if (!sys::Readable(page)) return;
    size_ += low_ - page;
    low_ = page;
  }
}

bool StackBounds::AllowsElsewhere(uintptr_t address) {
  const uintptr_t page = PageOf(address);
  if (page == 0) return false;  // also the mark of an unused entry
  for (uintptr_t known : elsewhere_) {
    if (known == page) return true;
  }
  if (!sys::Readable(page)) return false;
  elsewhere_[elsewhere_next_++ % kElsewhere] = page;
  return true;
}

}  // namespace perfagent
