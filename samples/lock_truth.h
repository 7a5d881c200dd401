// lock_truth.h: what the samples need to know the truth about waits for their locks.
//
// A lock's part of the truth line is
//
//   lock=NAME [key=value ...] contended=N wait_ns=N hand_over_ns=N unattributed_ns=N function=NAME blame_ns=N share=F ...
//
// Waits are timed just around the call. A wait is cut at the releases within it, which are timed just before the call:
// the time up to a release is due to the function that made it, what follows the last one is hand-over, and what no
// release ends is due to nobody known. `share` is a function's part of all that is due to functions.
//
// Nothing here takes a lock that a report could show, and no wait is left to luck: whoever holds a lock sees the others
// asleep on it before going on.
#pragma once

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "asleep.h"
#include "truth.h"

inline uint64_t NowNs(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

inline void Nap(size_t us) {
  const timespec time = {static_cast<time_t>(us / 1'000'000),
                         static_cast<long>(us % 1'000'000) * 1000};
  nanosleep(&time, nullptr);
}

template <typename Condition>
void Await(Condition condition) {
  while (!condition()) Nap(20);
}

// The calls that must succeed: a truth about anything else is none.
inline void Must(int error) {
  if (error == 0) return;
  std::fprintf(stderr, "%s\n", std::strerror(error));
  std::abort();
}

// The waits and releases of one lock. Any thread adds; one prints when the others are done.
class Ledger {
 public:
  explicit Ledger(size_t capacity = 1 << 16) : waits_(capacity), releases_(capacity) {}

  void Waited(uint64_t begin_ns, uint64_t end_ns) { waits_.at(waits_made_++) = {begin_ns, end_ns}; }
  // Now, by the function of that name, which lives as long as the ledger.
  void Releases(const char* function) { releases_.at(releases_made_++) = {function, NowNs()}; }

  // The lock's part of the truth line, without "lock=NAME".
  void Print() const {
    std::vector<Blame> blames;
    uint64_t wait_ns = 0, blamed_ns = 0, hand_over_ns = 0, unattributed_ns = 0;
    for (size_t i = 0; i < waits_made_; ++i) {
      const uint64_t blamed_before = blamed_ns;
      uint64_t from_ns = waits_[i].begin_ns;
      for (size_t j = 0; j < releases_made_; ++j) {
        const Release& release = releases_[j];
        if (release.time_ns <= from_ns || release.time_ns > waits_[i].end_ns) continue;
        BlameOf(release.function, &blames) += release.time_ns - from_ns;
        blamed_ns += release.time_ns - from_ns;
        from_ns = release.time_ns;
      }
      wait_ns += waits_[i].end_ns - waits_[i].begin_ns;
      (blamed_ns == blamed_before ? unattributed_ns : hand_over_ns) += waits_[i].end_ns - from_ns;
    }
    std::printf(" contended=%zu wait_ns=%" PRIu64 " hand_over_ns=%" PRIu64
                " unattributed_ns=%" PRIu64,
                waits_made_.load(), wait_ns, hand_over_ns, unattributed_ns);
    for (const Blame& blame : blames) {
      std::printf(" function=%s blame_ns=%" PRIu64 " share=%.4f", blame.function, blame.ns,
                  static_cast<double>(blame.ns) / static_cast<double>(blamed_ns));
    }
  }

 private:
  struct Wait {
    uint64_t begin_ns, end_ns;
  };
  struct Release {
    const char* function;
    uint64_t time_ns;
  };
  struct Blame {
    const char* function;
    uint64_t ns;
  };

  static uint64_t& BlameOf(const char* function, std::vector<Blame>* blames) {
    for (Blame& blame : *blames) {
      if (std::strcmp(blame.function, function) == 0) return blame.ns;
    }
    return blames->emplace_back(Blame{function, 0}).ns;
  }

  std::vector<Wait> waits_;
  std::vector<Release> releases_;
  std::atomic<size_t> waits_made_ = 0;
  std::atomic<size_t> releases_made_ = 0;
};

// A thread that makes one call each time it is told to. One thread tells it.
class Worker {
 public:
  Worker(std::string name, std::function<void()> call)
      : call_(std::move(call)), thread_([this, name = std::move(name)] { Run(name.c_str()); }) {
    Await([this] { return tid_ != 0; });
  }
  ~Worker() {
    ends_ = true;
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Call() { ++told_; }
  void AwaitReturn() const {
    Await([this] { return returned_ == told_; });
  }
  // Until it is asleep in futex on a word of the object.
  template <typename Object>
  void CallUntilAsleepOn(const Object& object) {
    Call();
    Await([&] { return IsAsleepOn(object); });
  }
  // On any word: under a mutex of Abseil's it is one of the thread's own.
  void CallUntilAsleep() {
    Call();
    Await([&] { return IsAsleep(tid_); });
  }
  template <typename Object>
  bool IsAsleepOn(const Object& object) const {
    return ::IsAsleepOn(tid_, object);
  }
  // CPU time of the thread.
  uint64_t RunningNs() {
    clockid_t clock;
    Must(pthread_getcpuclockid(thread_.native_handle(), &clock));
    return NowNs(clock);
  }

 private:
  void Run(const char* name) {
    pthread_setname_np(pthread_self(), name);
    tid_ = static_cast<pid_t>(syscall(SYS_gettid));
    while (true) {
      Await([this] { return ends_ || returned_ != told_; });
      if (returned_ == told_) return;
      call_();
      ++returned_;
    }
  }

  std::function<void()> call_;
  std::atomic<size_t> told_ = 0;
  std::atomic<size_t> returned_ = 0;
  std::atomic<bool> ends_ = false;
  std::atomic<pid_t> tid_ = 0;
  std::thread thread_;  // last: it uses the others
};

// One of a sample's cases, by the name that is its first argument.
struct Case {
  const char* name;
  void (*run)(int argc, char** argv);
};

template <size_t kCount>
int RunCase(const Case (&cases)[kCount], int argc, char** argv) {
  for (const Case& known : cases) {
    if (argc < 2 || std::strcmp(argv[1], known.name) != 0) continue;
    known.run(argc, argv);
    return 0;
  }
  std::fprintf(stderr, "usage: %s CASE [ROUNDS]; cases:", argv[0]);
  for (const Case& known : cases) std::fprintf(stderr, " %s", known.name);
  std::fprintf(stderr, "\n");
  return 2;
}
