// deadline.h: the times until which a guest will wait, as far as libc looks at them before anything else.
#pragma once

#include <time.h>

namespace perfagent::deadline {

// Unlike a mutex, an rwlock or a semaphore refuses a bad clock or time even when it is free. No time at all is libc's
// business, too.
inline bool IsRefused(clockid_t clock, const timespec* until) {
  constexpr unsigned long kSecond = 1000000000;
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) return true;
  return until == nullptr || static_cast<unsigned long>(until->tv_nsec) >= kSecond;
}

}  // namespace perfagent::deadline
