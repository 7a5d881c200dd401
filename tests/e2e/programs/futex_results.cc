// futex_results: the kernel's futexes through libc's syscall(), every command that the agent looks at and some that it
// does not, printing what came back. The output must not depend on the agent.
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "tests/e2e/programs/lock_results.h"

static std::atomic<uint32_t> word;

static long Futex(int operation, uint32_t value, const void* timeout = nullptr,
                  const void* other = nullptr, uint32_t value3 = 0) {
  return syscall(SYS_futex, &word, operation, value, timeout, other, value3);
}

static void PrintCall(const char* what, const std::function<long()>& call) {
  errno = kUntouched;
  const long result = call();
  const int after = errno;
  std::printf("%s, %s: %ld, errno %s\n", prefix.c_str(), what, result,
              after == kUntouched ? "untouched" : strerrorname_np(after));
}

// A waiter that sleeps in `wait` until `wake` returns how many it woke.
static void Woken(const char* what, const std::function<long()>& wait,
                  const std::function<long()>& wake) {
  long results[2];
  std::vector<std::thread> waiters;
  for (long& result : results) {
    waiters.emplace_back([&result, &wait] { result = wait(); });
  }
  long woken = 0;
  while (woken < 2) {
    const long more = wake();
    if (more < 0) break;
    woken += more;
    Nap(1);
  }
  for (std::thread& waiter : waiters) waiter.join();
  std::printf("%s, %s: %ld and %ld, woken %ld\n", prefix.c_str(), what, results[0], results[1],
              woken);
}

static void Waits(int flag) {
  const timespec past = {1, 0}, soon = {0, 1'000'000}, bad = {0, -1};
  constexpr uint32_t kAny = FUTEX_BITSET_MATCH_ANY;
  word = 1;
  PrintCall("wait for another value", [&] { return Futex(FUTEX_WAIT | flag, 2); });
  PrintCall("wait until a time-out", [&] { return Futex(FUTEX_WAIT | flag, 1, &soon); });
  PrintCall("wait until a bad time", [&] { return Futex(FUTEX_WAIT | flag, 1, &bad); });
  PrintCall("wait at a bad address",
            [&] { return syscall(SYS_futex, 4L, FUTEX_WAIT | flag, 1, &soon, nullptr, 0); });
  PrintCall("wait at an odd address", [&] {
    return syscall(SYS_futex, reinterpret_cast<char*>(&word) + 1, FUTEX_WAIT | flag, 1, &soon);
  });
  for (const int clock : {0, FUTEX_CLOCK_REALTIME}) {
    const int operation = FUTEX_WAIT_BITSET | clock | flag;
    PrintCall("bits, another value", [&] { return Futex(operation, 2, &past, nullptr, kAny); });
    PrintCall("bits, past", [&] { return Futex(operation, 1, &past, nullptr, kAny); });
    PrintCall("no bits", [&] { return Futex(operation, 1, &past, nullptr, 0); });
  }
  PrintCall("wake nobody", [&] { return Futex(FUTEX_WAKE | flag, 1); });
  PrintCall("wake nobody's bits", [&] { return Futex(FUTEX_WAKE_BITSET | flag, 1, 0, 0, kAny); });
  PrintCall("wake no bits", [&] { return Futex(FUTEX_WAKE_BITSET | flag, 1, 0, 0, 0); });
  Woken(
      "one by one", [&] { return Futex(FUTEX_WAIT | flag, 1); },
      [&] { return Futex(FUTEX_WAKE | flag, 1); });
  Woken(
      "all", [&] { return Futex(FUTEX_WAIT | flag, 1); },
      [&] { return Futex(FUTEX_WAKE | flag, INT32_MAX); });
  // Only those whose bits meet: the sixth argument.
  Woken(
      "by bits", [&] { return Futex(FUTEX_WAIT_BITSET | flag, 1, nullptr, nullptr, 4); },
      [&] {
        const long others = Futex(FUTEX_WAKE_BITSET | flag, INT32_MAX, nullptr, nullptr, 3);
        return others + Futex(FUTEX_WAKE_BITSET | flag, INT32_MAX, nullptr, nullptr, 6);
      });
}

static void Locks(int flag) {
  const timespec past = {1, 0};
  word = 0;
  for (const int lock : {FUTEX_LOCK_PI, FUTEX_LOCK_PI2}) {
    PrintCall("lock", [&] { return Futex(lock | flag, 0); });
    PrintCall("lock again", [&] { return Futex(lock | flag, 0); });
    std::thread([&] {
      PrintCall("lock another's", [&] { return Futex(lock | flag, 0, &past); });
      PrintCall("try another's", [&] { return Futex(FUTEX_TRYLOCK_PI | flag, 0); });
      PrintCall("unlock another's", [&] { return Futex(FUTEX_UNLOCK_PI | flag, 0); });
    }).join();
    std::thread waiter([&] {
      PrintCall("lock when it is given away", [&] { return Futex(lock | flag, 0); });
      PrintCall("unlock", [&] { return Futex(FUTEX_UNLOCK_PI | flag, 0); });
    });
    while ((word & FUTEX_WAITERS) == 0) Nap(1);
    Futex(FUTEX_UNLOCK_PI | flag, 0);
    waiter.join();
    word = 0;
  }
}

static void Others() {
  uint32_t other = 0;
  word = 1;
  // The number that a requeue may move stands where others have their time; the sixth argument is what it compares.
  for (const uint32_t value : {1U, 2U}) {
    PrintCall("requeue", [&] {
      return Futex(FUTEX_CMP_REQUEUE, 1, reinterpret_cast<const void*>(intptr_t{1}), &other, value);
    });
  }
  PrintCall("no such command", [] { return Futex(99, 1); });
}

static void Interrupted() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  word = 1;
  std::atomic<bool> done = false;
  std::thread waiter([&] {
    PrintCall("interrupted", [] { return Futex(FUTEX_WAIT, 1); });
    done = true;
  });
  while (!done) {
    Nap(2);
    if (!done) pthread_kill(waiter.native_handle(), SIGUSR1);
  }
  waiter.join();
}

int main() {
  for (const int flag : {0, FUTEX_PRIVATE_FLAG}) {
    prefix = flag == 0 ? "shared futex" : "private futex";
    Waits(flag);
    Locks(flag);
  }
  Others();
  Interrupted();
  std::printf("end\n");
}
