// call_results.h: what the families of lock and wait functions return, as error numbers.
#pragma once

#include <errno.h>
#include <threads.h>

namespace perfagent {

// The error number itself.
struct PosixResults {
  static constexpr int kBusy = EBUSY;
  static int Error(int result) { return result; }
};

// C11: numbers of their own, some of which are error numbers of another meaning.
struct C11Results {
  static constexpr int kBusy = thrd_busy;
  static int Error(int result) {
    switch (result) {
      case thrd_success:
        return 0;
      case thrd_busy:
        return EBUSY;
      case thrd_timedout:
        return ETIMEDOUT;
      default:
        return EINVAL;
    }
  }
};

// Below zero, and errno.
struct ErrnoResults {
  static int Error(long result) { return result < 0 ? errno : 0; }
};

}  // namespace perfagent
