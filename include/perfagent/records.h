// records.h: what a dump's streams consist of.
//
// Times and durations are ticks of the dump's clock; the analyzer's readers turn those of a decoded record into
// nanoseconds in place.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "perfagent/dump_format.h"
#include "perfagent/sampling.h"

namespace perfagent {

struct ThreadRecord {
  uint64_t time;
  uint64_t tid;
  std::string_view name;
};
struct ThreadEndRecord {
  uint64_t time;
};
struct ModuleLoadRecord {
  uint64_t time;
  uint64_t epoch;
  uint64_t start;  // first and one past the last mapped address
  uint64_t end;
  uint64_t bias;              // address in the process minus address in the file's symbol table
  std::string_view build_id;  // raw bytes, empty when the object has none
  std::string_view path;
};
struct ModuleUnloadRecord {
  uint64_t time;
  uint64_t epoch;
  uint64_t start;
};
// Defines `count` stacks, each with one frame more than the one before: ids first_id, first_id + 1, ... The first is
// `parent` (0: the outermost frame is its own) with pcs[0]. Decoded pcs are valid until the next record.
struct StackRecord {
  uint64_t first_id;
  uint64_t parent;
  uint64_t epoch;
  uint64_t flags;
  uint64_t count;
  const uint64_t* pcs;
};
struct AllocRecord {
  HeapApi api;
  uint64_t time;
  uint64_t address;
  uint64_t size;
  uint64_t stack;
  uint32_t limit = sampling::kNoLimit;
};
struct FreeRecord {
  HeapApi api;
  uint64_t flags;
  uint64_t time;
  uint64_t address;
  uint64_t stack;
};
struct ReallocRecord {
  HeapApi api;
  uint64_t flags;
  uint64_t time;      // the old block ends
  uint64_t duration;  // the new block begins this much later
  uint64_t old_address;
  uint64_t new_address;
  uint64_t size;
  uint64_t stack;
  uint32_t limit = sampling::kNoLimit;  // of the new block
};
// A release of the lock during a wait for it.
struct WaitCut {
  uint64_t after;   // the wait's begin
  uint64_t stream;  // of the thread that made it
  uint64_t stack;   // 0: its kLockRelease record has it
  uint64_t flags = 0;
};
// Decoded cuts are valid until the next record.
struct LockWaitRecord {
  LockApi api;
  uint64_t result;  // what the call returned
  uint64_t time;    // when the wait began
  uint64_t wait;
  uint64_t lock;
  uint64_t stack;
  uint64_t flags = 0;
  uint64_t interval = 0;  // mean wait between kept ones; 0: every one
  uint64_t count = 0;
  WaitCut* cuts = nullptr;
};
struct LockReleaseRecord {
  LockApi api;
  uint64_t time;
  uint64_t lock;
  uint64_t stack;
};
struct LockAcquireRecord {
  LockApi api;
  uint64_t time;
  uint64_t lock;
  uint64_t stack;
  uint64_t interval = 0;  // mean acquisitions between such records; 0: this one counts for nothing
  uint64_t outer = 0;     // the innermost followed lock that the thread held; 0: none
};
struct LockSectionRecord {
  LockApi api;  // that took the lock
  uint64_t flags;
  uint64_t time;  // of the acquisition
  uint64_t hold;
  uint64_t running_ns;  // and one more; 0: not known
  uint64_t lock;
  uint64_t stack;     // of the acquisition
  uint64_t interval;  // acquisitions, or, when contended, of waits: see dump_format.h
  uint64_t wait;      // for the lock, when contended
  uint64_t allocations;
  uint64_t bytes;
  uint64_t allocator;  // ticks in the allocator
  uint64_t waits;      // for other locks
  uint64_t waited;     // ticks in them
  uint64_t idle;       // ticks of waits for no lock: conditions, semaphores, threads
};
// One call of the allocator, as long as it took. It stands for others: of those that are timed where every event is recorded
// for `every`, else for what a block of its size stands for that was sampled with the mean `interval_bytes`.
struct AllocatorCallRecord {
  HeapApi api;
  uint64_t time;      // when it was called
  uint64_t duration;  // with one reading of the clock
  uint64_t size;      // asked for; of a free 0
  uint64_t usable;    // what the block has; 0: the allocator does not say
  uint64_t every;
  uint64_t interval_bytes;
};
// The process's memory at its end as the kernel counts it, in bytes.
struct MemoryRecord {
  uint64_t time;
  uint64_t anonymous;  // resident: heap, stacks, the program's data
  uint64_t file;       // resident: code, and files that are mapped
  uint64_t shared;     // resident: shared memory, tmpfs
  uint64_t stack;      // size of the main thread's
  uint64_t swapped;
  uint64_t mapped;  // addresses in use
  uint64_t dump;    // of `file` or `shared`: this dump, at most
};
// The greatest resident size of the process so far, as the kernel counts it, in bytes.
struct PeakResidentRecord {
  uint64_t time;
  uint64_t bytes;
  uint64_t flags;
};

struct IntervalRecord {
  uint64_t time;
  uint64_t interval_bytes;
};
struct ThinRecord {
  uint64_t time;
  uint64_t interval_bytes;
};
struct MarkRecord {
  uint64_t time;
  std::string_view text;
};
struct UnseenRecord {
  uint64_t time;
  std::string_view path;
};
struct LockFrameRecord {
  uint64_t lock;
  uint64_t thread;  // its id
  uint64_t stack;   // ends with the function in whose frame it lies; 0: not known
};
struct LockMappingRecord {
  uint64_t lock;
  uint64_t device;  // as stat has it
  uint64_t inode;
  uint64_t offset;  // of the lock in the file
  std::string_view path;
};
struct ClockRecord {
  uint64_t time;
  uint64_t monotonic_ns;
  uint64_t realtime_ns;
};
struct NodeRecord {
  uint64_t time;
  uint64_t node;
};
struct ResetRecord {};

using Record =
    std::variant<ThreadRecord, ThreadEndRecord, ModuleLoadRecord, ModuleUnloadRecord, StackRecord,
                 AllocRecord, FreeRecord, ReallocRecord, LockWaitRecord, LockReleaseRecord,
                 LockSectionRecord, LockAcquireRecord, AllocatorCallRecord, MemoryRecord,
                 PeakResidentRecord, IntervalRecord, MarkRecord, UnseenRecord, ClockRecord,
                 ThinRecord, ResetRecord, LockFrameRecord, LockMappingRecord, NodeRecord>;

// Heap and lock events, and what is measured beside them; all others are definitions.
template <typename R>
inline constexpr bool kIsEvent =
    std::is_same_v<R, AllocRecord> || std::is_same_v<R, FreeRecord> ||
    std::is_same_v<R, ReallocRecord> || std::is_same_v<R, LockWaitRecord> ||
    std::is_same_v<R, LockReleaseRecord> || std::is_same_v<R, LockSectionRecord> ||
    std::is_same_v<R, LockAcquireRecord> || std::is_same_v<R, AllocatorCallRecord> ||
    std::is_same_v<R, MemoryRecord> || std::is_same_v<R, PeakResidentRecord>;
template <typename R>
inline constexpr bool kHasTime = requires(const R& r) {
  r.time;
};

}  // namespace perfagent
