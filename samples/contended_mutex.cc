// contended_mutex: one thread holds a mutex for a known time while others provably wait for it.
//
//   contended_mutex [WAITERS [ROUNDS [HOLD_US]]]
//
// In each round the holder takes the mutex, calls the waiters, sees each of them asleep in futex on
// this very mutex (/proc/self/task/TID/syscall), holds on for HOLD_US more, and releases. So
// every lock of a waiter is contended, none of the holder's is, and a wait lasts HOLD_US at least.
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <thread>
#include <vector>

#include "lock_truth.h"

static pthread_mutex_t hot_mutex = PTHREAD_MUTEX_INITIALIZER;
static std::atomic<size_t> round_number;
static std::atomic<size_t> waiters_done;
static std::atomic<size_t> contended;
static std::atomic<uint64_t> wait_ns;
static std::atomic<uint64_t> hold_ns;

NAMED void WaitForMutex() {
  const uint64_t before = NowNs();
  pthread_mutex_lock(&hot_mutex);
  wait_ns += NowNs() - before;
  ++contended;
  pthread_mutex_unlock(&hot_mutex);
  EndOfFrame();
}

NAMED void HoldForAWhile(const std::vector<std::atomic<pid_t>>& waiters, size_t hold_us) {
  pthread_mutex_lock(&hot_mutex);
  const uint64_t before = NowNs();
  ++round_number;
  for (const std::atomic<pid_t>& tid : waiters) {
    while (!IsAsleepOn(tid, hot_mutex)) Nap(20);
  }
  Nap(hold_us);
  hold_ns += NowNs() - before;
  pthread_mutex_unlock(&hot_mutex);
  EndOfFrame();
}

int main(int argc, char** argv) {
  const size_t waiters = Argument(argc, argv, 1, 3);
  const size_t rounds = Argument(argc, argv, 2, 50);
  const size_t hold_us = Argument(argc, argv, 3, 2000);

  std::vector<std::atomic<pid_t>> tids(waiters);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < waiters; ++i) {
    threads.emplace_back([&tid = tids[i], rounds] {
      tid = static_cast<pid_t>(syscall(SYS_gettid));
      for (size_t round = 1; round <= rounds; ++round) {
        while (round_number < round) Nap(20);
        WaitForMutex();
        ++waiters_done;
      }
    });
  }
  for (const std::atomic<pid_t>& tid : tids) {
    while (tid == 0) Nap(20);
  }
  for (size_t round = 1; round <= rounds; ++round) {
    HoldForAWhile(tids, hold_us);
    while (waiters_done < round * waiters) Nap(20);
  }
  for (std::thread& thread : threads) thread.join();
  std::printf(
      "truth mutex=hot_mutex waiter=WaitForMutex holder=HoldForAWhile contended=%zu "
      "wait_ns=%" PRIu64 " hold_ns=%" PRIu64 " acquisitions=%zu\n",
      contended.load(), wait_ns.load(), hold_ns.load(), contended.load() + rounds);
}
