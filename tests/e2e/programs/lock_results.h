// lock_results.h: one line for what a lock function returned, as the tables of lock semantics print it.
#pragma once

#include <time.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

inline constexpr int kUntouched = 77;

// What every line begins with: the kind of lock and its state.
inline std::string prefix;

inline int Print(const char* what, const std::function<int()>& call) {
  errno = kUntouched;
  const int result = call();
  const bool untouched = errno == kUntouched;
  const char* const name = strerrorname_np(result);
  std::printf("%s, %s: %s%s\n", prefix.c_str(), what, name != nullptr ? name : "no error number",
              untouched ? "" : ", errno changed");
  return result;
}

inline timespec After(clockid_t clock, long ms) {
  timespec time;
  clock_gettime(clock, &time);
  const long second = 1'000'000'000;
  const long ns = time.tv_nsec + ms * 1'000'000;
  time.tv_sec += ns < 0 ? -1 : ns / second;
  time.tv_nsec = ns < 0 ? ns + second : ns % second;
  return time;
}

inline void Nap(long ms) {
  const timespec time = {0, ms * 1'000'000};
  nanosleep(&time, nullptr);
}
