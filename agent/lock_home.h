// lock_home.h: where does a lock lie that has no name: on which thread's stack, in which function's frame, or in which
// shared mapping? The answers are in the dump, as kLockFrame and kLockMapping records.
//
// Of a lock on its own stack a thread knows the frame whenever it walks. A waiter knows only whose stack it is: that thread is
// asked, and answers as soon as it can tell the truth. It can while the lock is waited for, and when it was asked during
// the wait that it has just come from: its frames are what they were.
//
//   main    mutex on its stack ──── join ·········· join's end: frame of Main()
//   worker            lock: whose stack? ──► asks
//
// A process-shared lock is looked for in /proc/self/maps, before the thread blocks: a descriptor is open for a moment.
//
// Not of futexes: their words may be a thread's own, as Abseil's and parking_lot's are.
//
// When a lock is waited for first, and then after 1, 3, 7, ... ms: what is at an address may change, and the thread that
// was asked may not have answered. Fifty times a second a process looks for mappings at most.
//
// Threads: any. No locks; what two write at once is a question or an entry too few. Signals: under an AgentScope.
// Fork: entries of another process count for nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfagent {

struct FrameState;
struct Stream;

namespace lock {
struct Call;
}

namespace lock_home {

// What others ask a thread about its stack, and what it has said. All zero is empty.
struct Questions {
  static constexpr size_t kMost = 8;
  struct Asked {
    std::atomic<uint64_t> time;
    std::atomic<uint64_t> lock;  // 0: none; written last
  } asked[kMost];
  struct Said {
    uint64_t lock, stack;
  } said[kMost];

  // Another thread took over.
  void Clear() {
    for (Asked& one : asked) one.lock.store(0, std::memory_order_relaxed);
    for (Said& one : said) one = {};
  }
};

// The calling thread is about to wait for the lock.
void Note(Stream* stream, const lock::Call& call, uint64_t now);
// It took or released the lock: if this is on its own stack, in which frame?
void NoteOwn(Stream* stream, const lock::Call& call);

// A forked child's clock begins anew.
void RestartInChild();

// For a thread that has not just waited.
inline constexpr uint64_t kNoWait = UINT64_MAX;
// Answers what can be answered by a thread that is at `caller` and comes from a wait that began then.
void Answer(Stream* stream, const FrameState& caller, uint64_t wait_begin);

}  // namespace lock_home

}  // namespace perfagent
