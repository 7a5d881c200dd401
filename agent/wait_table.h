// wait_table.h: "is anyone waiting for this lock?", asked by every unlock.
//
//   hints    32-bit counts of threads that wait, by the lock's address: what every unlock looks at, one load
//   waited   the locks that are waited for, exactly: what an unlock asks only where its count is not zero
//
// A count stands for 32 bytes of addresses: no two locks side by side share one (a mutex has 40 bytes), and 512 bytes of locks
// share a cache line of counts. 4096 counts are 16 KiB, half of a first-level cache, of which a program touches what its
// locks need; while nobody waits, no line is written, and all processors keep their copies.
//
// Threads: any. No locks; every entry is one word. What a thread published before it blocks is seen by whoever releases the
//          lock after that.
// Fork:    wiped by the kernel (MADV_WIPEONFORK): in a child nobody waits.
// Wrong:   a wait that is never cleared (a handler's longjmp out of it, an asynchronous cancellation) leaves a lock that looks
//          waited for: its unlocks take the slow path, and are counted as awaited. Eight locks of one bucket that
//          are waited for at once leave no room for a ninth, whose unlocks are then not counted. Nothing else comes of either.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace perfagent::wait_table {

inline constexpr size_t kHints = 4096;
inline constexpr unsigned kHintShift = 5;
inline constexpr size_t kBuckets = 512;
inline constexpr size_t kLocksPerBucket = 8;  // one cache line

// Page-aligned and whole pages: the kernel wipes pages.
struct alignas(4096) Table {
  std::atomic<uint32_t> hints[kHints];
  std::atomic<uint64_t> waited[kBuckets][kLocksPerBucket];
};
extern __attribute__((visibility("hidden"))) Table table;

inline size_t HintOf(const void* lock) {
  return (reinterpret_cast<uintptr_t>(lock) >> kHintShift) % kHints;
}

// False: nobody waits. True: ask IsWaitedFor.
inline bool MayBeWaitedFor(const void* lock) {
  return table.hints[HintOf(lock)].load(std::memory_order_relaxed) != 0;
}

bool IsWaitedFor(const void* lock);

// Around a call that may block: the calling thread waits for the lock.
void Publish(const void* lock);
void Clear(const void* lock);

// False when the kernel cannot wipe the table in forked children.
bool Start();

}  // namespace perfagent::wait_table
