#include "agent/wait_frame.h"

#include <cerrno>

namespace perfagent::wait_frame {

__thread WaitFrame* innermost = nullptr;

namespace {

// As libgcc's and LLVM's unwinders have it (Itanium C++ ABI, 1.6).
constexpr int kCleanupPhase = 2;
constexpr int kContinue = 8;

int Unwind(int, int actions, uint64_t, void*, void*) {
  if ((actions & kCleanupPhase) != 0) {
    // Null: cancelled asynchronously before Run said so.
    if (WaitFrame* wait = innermost) {
      innermost = wait->outer;
      wait->End(ECANCELED);
    }
  }
  return kContinue;
}

}  // namespace

extern "C" __attribute__((visibility("hidden"),
                          used)) int (*const perfagent_wait_personality)(int, int, uint64_t, void*,
                                                                         void*) = Unwind;

}  // namespace perfagent::wait_frame
