// dump_format.h: every byte of a dump file. This prologue is the specification.
//
// A dump is the memory of one process's recording, mapped shared into that process while it runs.
// All integers are little-endian; the machine is x86-64. The file is
//
//   offset 0            HeaderPage     kHeaderBytes
//   kHeaderBytes        segment 0      kSegmentBytes
//   + kSegmentBytes     segment 1      ...
//
// The file is sparse and has its final size from the start; a normal exit trims it to the segments
// that were claimed. Segments are claimed in order by compare-and-swap on
// HeaderPage::segments_claimed; kSegmentsClosed set in it means that no more will be. A segment that
// was claimed and whose header is all zero was never made present (disk full, or the process died at
// that instant): it holds nothing.
//
// Every segment belongs to one stream. A stream has one writer at a time: a thread, and after that
// thread is gone for the kernel too, another one, which writes a kThread record first.
// SegmentHeader::sequence numbers a stream's event segments from 0. A kEvents segment is a
// SegmentHeader and a run of records:
//
//   SegmentHeader | record | record | ... | (free)
//                 '-------- committed -------'
//
// A record is published by the store (release) of SegmentHeader::committed that follows its bytes, so
// the committed prefix always consists of whole records, at whatever instant the process dies. A full
// segment is sealed: `checksum` is XXH3-64 of its committed bytes, then `sealed` becomes 1.
//
// Prediction state (event_codec.h) goes on from one segment of a stream to the next. A segment whose first
// record is kReset is readable by itself, given the stacks and modules that other segments define; another
// one needs those before it, back to one that is. In sampled mode each begins with kReset, in full mode
// at least every 32nd.
//
// Definitions are all records but heap and lock events, timed calls and what is said of memory. They need nothing of the events
// before them but the time of the last one, and those without a time not even that. So a sealed segment says where its definitions are (those with a time all
// stand at its beginning, or it does not say), and a reader that wants nothing else steps over the events.
//
// A kLockTable segment is a SegmentHeader and an array of LockTableSlot, updated in place by its
// stream's thread; it has no committed length and no checksum. A slot whose `lock` is zero is free.
//
// A record is one tag byte and the fields below, each an LEB128 varint unless said otherwise; text is
// a length and bytes:
//
//   kThread        time, tid, name        from here on the stream's events are this thread's
//   kThreadEnd     time                   the thread is ending; its last frees may still follow
//   kModuleLoad    time, epoch, start, end, bias, build id, path
//   kModuleUnload  time, epoch, start
//   kReset                                prediction state starts from zero
//   kStack         first id, parent, epoch, flags, count, count pcs
//                                         outermost first; each is the difference to the one before, and
//                                         the first id to the last one defined in this stream
//   kPredictedStack                       the same; pcs by the tables of event_codec.h
//   kAlloc         api, time, address, size, stack        after the real call
//   kFree          api, flags, time, address, stack       before the real call
//   kRealloc       api, flags, time, duration, old, new, size, stack
//                                         old ended at `time`, new began `duration` later
//   kLockWait      api, flags, result, time, wait, lock, stack, interval, count, count cuts
//                                         time is when the wait began; a cut is (ticks from then on, stream, stack,
//                                         flags): the awaited releases that the wait overlapped, in order
//   kLockRelease   api, time, lock, stack                      an awaited release whose stack a cut left open
//   kLockAcquire   api, time, lock, stack, interval, outer     a sampled acquisition, or one inside a followed section
//   kLockSection   api, flags, time, hold, running_ns, lock, stack, interval, wait, allocations, bytes,
//                  allocator, waits, waited, idle               a followed acquisition, written at its release
//   kAllocatorCall api, time, duration, size, usable, every, interval    a timed call of the allocator
//   kMemory        time, anonymous, file, shared, stack, swapped, mapped, dump      in bytes, as the kernel counts them
//   kPeakResident  time, bytes, flags     the process's greatest resident size so far, as the kernel counts it: a hundred a
//                                         second at first, less often later, and one at the end
//   kInterval      time, bytes            from here on the stream's blocks are sampled with this mean;
//                                         0: every one
//   kNode          time, node             from here on, in this segment, the stream's thread runs on a processor of this NUMA
//                                         node; where it is not said, of node 0
//   kMark          time, text             the program said so (perfagent.h)
//   kUnseen        time, path             a loaded object whose malloc calls do not reach the agent
//   kLockFrame     lock, thread, stack    the lock lies on that thread's stack: in the frame of the function that `stack`
//                                         ends with; 0: in which frame is not known
//   kLockMapping   lock, device, inode, offset, path
//                                         the lock lies in a shared mapping of that file, `offset` bytes from its beginning
//   kClock         time, monotonic_ns, realtime_ns             the clocks, read at the same instant
//   kThin          time, bytes            of the blocks live at `time`, in all streams, those whose limit
//                                         is below this interval are not tracked any more (sampling.h)
//   kSampledAlloc, kSampledRealloc        as kAlloc and kRealloc, and the new block's limit
//   kCompactRealloc                       as kRealloc of a block that was tracked and still is, with tables
//
// A byte of 32 or more is no tag but the token of an allocation or free in full mode: event_codec.h has
// its layout.
//
// A kept wait stands for others: with `interval` T it was kept with probability 1 - exp(-wait / T), with 0 for certain.
// Its cuts say who released the lock meanwhile: the time up to a cut is due to the one who made that release (for
// semaphores and conditions: who woke), from the last cut to the wait's end it is hand-over. A cut without a stack
// belongs to the kLockRelease record of its stream, lock and time, if there is one. With kWaitCutsLost, releases before
// the first cut are not known, and what lies before it is due to nobody known; likewise all of a wait without cuts.
//
// A sampled acquisition of `interval` N was sampled with probability 1 - exp(-1 / N), with 1 for certain. A kLockSection
// record without kSectionContended stands for as many as that says; with it, for as many as a kept
// wait of `wait` ticks and that `interval` does. `hold` is from the acquisition to the release, `running_ns` + 1 the
// thread's CPU time meanwhile (0: not known). In it, the thread made `allocations` of `bytes` in `allocator` ticks, waited
// `waits` times for other locks, `waited` ticks in all, and `idle` ticks on conditions and the like. A kLockAcquire
// record stands for `interval` acquisitions; with 0 it counts for nothing and says that `lock` was taken while `outer`,
// the innermost followed lock, was held: the order in which the program takes its locks.
//
// kLockFrame and kLockMapping say where a lock lay when somebody waited for it. An address of which they say different
// things was that of several locks.
//
// With kSectionCut, the numbers of what happened inside are too small.
//
// SegmentHeader::wait is the wait that the stream's thread is in, if its lock is not zero: of the stream's segments the
// one that has one says so.
//
// Times are ticks of HeaderPage::clock since the start, and so are durations (realloc's, waits'). What
// a tick is worth follows from readings of two clocks at the same instant: the header's two at the
// start, and kClock records, one a second at first and less often later, and one at its end. A time
// between two readings is interpolated. Times of one stream may go back a little: the counter is read
// without a fence, and a thread moves between processors.
//
// A kStack record defines a stack for each of its frames, with ids in a row: the first is `parent` and
// pcs[0], each other the one before and its own pc. Parent 0 is the thread's start, or, with
// kStackTruncated, unknown. The record was published, in this or another stream, before any record that
// uses its ids; id 0 means no stack was taken. Two ids may define the same frames. Of a stack deeper than
// HeaderPage::max_frames the innermost frames count. A pc is one
// past the last byte of its call instruction (the return address), or one past the interrupted address
// where a signal came in; the reader subtracts one before it looks a pc up. `epoch` counts unloads: a pc
// of a stack of epoch e belongs to the module that contains it with load epoch <= e < unload epoch.
//
// In sampled mode a block was sampled with the mean of the last kInterval record before it in its
// segment, or with HeaderPage::interval_bytes where there is none. From a kThin record on it counts with
// the greatest of that mean and GridFloor of each kThin's bytes in its life, or not at all. Its free may
// be recorded although it was dropped: threads go on for a moment.
//
// Full mode records every event until its file is nearly full, and goes on as sampled mode does: from
// then on HeaderPage::full_until_ticks is that time. So that blocks can be followed beyond it, some have a
// limit from the start: those that full_sample_bytes as mean between samples would have sampled. Of the
// blocks live at full_until_ticks the others are not tracked any more; these count from then on with that
// mean. Events until then stand for themselves, but for blocks after a kInterval record; waits are kept
// with a probability, and acquisitions sampled, where they ended later.
//
// Control words (HeaderPage::paused, interval_request) may be written by others while the process runs;
// a value that is not allowed has no effect.
//
// When to raise kVersionMajor: with every change after which an old reader would misread. Readers
// refuse other majors, naming both. kVersionMinor: with additions that an old reader can ignore.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "perfagent/apis.h"

namespace perfagent {

inline constexpr uint64_t kDumpMagic = 0x31504d5544414650;  // "PFADUMP1" in the file
inline constexpr uint16_t kVersionMajor = 8;
inline constexpr uint16_t kVersionMinor = 0;
inline constexpr uint16_t kMachineX86_64 = 62;  // EM_X86_64

inline constexpr size_t kHeaderBytes = 8192;
inline constexpr size_t kSegmentBytes = 32768;
inline constexpr uint32_t kSegmentMagic = 0x4d474553;  // "SEGM" in the file

// Frames per stack at most; DEPTH is capped by it so that a kStack record fits any fresh segment.
inline constexpr uint32_t kMaxFrames = 1024;
// Frames of one kStack record, and of one stack, at most: a stack that is cut keeps twice DEPTH.
inline constexpr uint32_t kMaxStackNodes = 2 * kMaxFrames;

enum class Mode : uint32_t { kSample = 1, kFull = 2 };

// What times are counted in: nanoseconds of CLOCK_MONOTONIC, or ticks of the processor's time stamp
// counter, whose frequency is constant but not known.
enum class Clock : uint32_t { kMonotonic = 1, kTsc = 2 };

// How a recording ended. kOpen: the process is still running, was killed, or replaced itself by
// exec.
// kQuickExit: by quick_exit, whose handlers are not told the status.
enum class EndState : uint32_t { kOpen = 0, kExited = 1, kQuickExit = 2 };

// Every way of losing data, one counter per cause: identifier, name in reports, what it means.
#define PERFAGENT_LOSSES(X)                                                                       \
  X(kReentered, "reentered", "event inside the agent itself (signal handler during a slow path)") \
  X(kDiskFull, "disk_full", "segment unavailable: disk full or file system error")                \
  X(kFileFull, "file_full", "segment unavailable: MAX_SIZE reached")                              \
  X(kAfterExit, "after_exit", "segment unavailable: recording already closed by exit")            \
  X(kSandboxed, "sandboxed", "segment unavailable: the program's seccomp filter forbids madvise") \
  X(kQuietChild, "quiet_child",                                                                   \
    "forked child not recorded: the program runs under its own filter")                           \
  X(kThreadSlots, "thread_slots", "thread not recorded: no room for its state")                   \
  X(kLiveSetFull, "live_set_full", "sampled block dropped: table of live blocks full")            \
  X(kLockTableFull, "lock_table_full",                                                            \
    "contended wait or awaited release not summed: lock table unavailable")                       \
  X(kNoStack, "no_stack", "event recorded without its stack")                                     \
  X(kModuleTableFull, "module_table_full", "loaded object not recorded: module table full")

enum class Loss : uint32_t {
#define PERFAGENT_LOSS_ENUM(id, name, help) id,
  PERFAGENT_LOSSES(PERFAGENT_LOSS_ENUM)
#undef PERFAGENT_LOSS_ENUM
      kCount
};
inline constexpr size_t kLossCount = static_cast<size_t>(Loss::kCount);
inline constexpr size_t kLossSlots = 32;

// In HeaderPage::segments_claimed: the file was closed by exit and trimmed to the segments claimed
// by then.
inline constexpr uint32_t kSegmentsClosed = uint32_t{1} << 31;

enum class SegmentKind : uint16_t { kEvents = 1, kLockTable = 2 };

enum class Tag : uint8_t {
  kThread = 1,
  kThreadEnd = 2,
  kModuleLoad = 3,
  kModuleUnload = 4,
  kStack = 5,
  kAlloc = 6,
  kFree = 7,
  kRealloc = 8,
  kLockWait = 9,
  kLockAcquire = 10,
  kInterval = 11,
  kMark = 12,
  kUnseen = 13,
  kClock = 14,
  kThin = 15,
  kSampledAlloc = 16,
  kSampledRealloc = 17,
  kCompactRealloc = 18,
  kPredictedStack = 19,
  kReset = 20,
  kLockRelease = 21,
  kLockSection = 22,
  kLockFrame = 23,
  kLockMapping = 24,
  kAllocatorCall = 25,
  kMemory = 26,
  kPeakResident = 27,
  kNode = 28,
};

// kStack flags.
inline constexpr uint64_t kStackTruncated =
    1;  // ends where unwind information or DEPTH ended, not at the thread's start
// kFree flags.
inline constexpr uint64_t kFreeTemporary =
    1;  // sampled mode: same thread, no allocation in between (full mode: replay)
// kRealloc flags.
inline constexpr uint64_t kReallocEndsOld = 1;    // the old block was being tracked
inline constexpr uint64_t kReallocBeginsNew = 2;  // the new block is tracked from here

// kLockWait flags.
inline constexpr uint64_t kWaitCutsLost = 1;  // releases before the first cut are not known
// A cut's flags.
inline constexpr uint64_t kCutByReader =
    1;  // of an rwlock: who made the release was one of its readers
// kLockSection flags.
inline constexpr uint64_t kSectionContended = 1;  // the acquisition waited, and the wait was kept
inline constexpr uint64_t kSectionCut = 2;        // so much happened that not all of it was counted

// kPeakResident flags.
inline constexpr uint64_t kPeakBeforeExec =
    1;  // that is what an earlier program had before exec: this one's is not greater

// Cuts of one wait at most; of more releases the last ones count.
inline constexpr uint64_t kMaxWaitCuts = 256;

// What INTERVAL and interval_request may ask for, besides 0.
inline constexpr uint64_t kLeastInterval = 1;
inline constexpr uint64_t kGreatestInterval = uint64_t{1} << 40;

// One per process, at offset 0. Fields up to `checksum` never change after start; those after it
// are live.
struct HeaderPage {
  uint64_t magic;
  uint16_t version_major;
  uint16_t version_minor;
  uint16_t machine;
  uint16_t reserved0;
  uint32_t header_bytes;
  uint32_t segment_bytes;
  uint64_t file_bytes;           // size at creation
  uint64_t start_monotonic_ns;   // CLOCK_MONOTONIC at start: zero of all times
  uint64_t start_realtime_ns;    // CLOCK_REALTIME at the same instant
  uint64_t process_start_ticks;  // field 22 of /proc/PID/stat: tells this process from a later one
                                 // with its pid
  uint64_t interval_bytes;       // sampled mode: mean bytes between samples (R) at start, 0: every
                                 // block is one; full mode: 0
  uint64_t
      wait_interval_ticks;  // mean wait between kept kLockWait records, where they are sampled: at least
  uint64_t
      acquire_interval;  // mean acquisitions between kLockAcquire records that count, likewise; 1: every one
  uint64_t seed;
  uint64_t page_bytes;
  uint32_t pid;
  uint32_t parent_pid;
  Mode mode;
  uint32_t heap_enabled;
  uint32_t locks_enabled;
  uint32_t max_frames;
  Clock clock;
  uint32_t interval_is_auto;  // the agent chooses intervals, by its own cost
  char host[64];              // text fields end with a zero byte
  char executable[1024];
  char command_line[2048];  // arguments separated by one space
  char allocator[256];      // the object whose malloc serves the program
  char bypassed_by[256];    // the object whose malloc comes before the agent's; empty: none
  // The clock's own value at start, and a second reading shortly after, which says how fast it runs.
  uint64_t start_ticks;
  uint64_t calibration_ticks;
  uint64_t calibration_monotonic_ns;
  uint64_t calibration_realtime_ns;
  uint64_t budget_ppm;  // what may be spent of the CPU time where intervals are chosen
  uint64_t checksum;    // XXH3-64 of the bytes before it

  // A count, and kSegmentsClosed.
  alignas(64) std::atomic<uint32_t> segments_claimed;
  std::atomic<EndState> end_state;
  std::atomic<int32_t> exit_status;  // argument of exit(); valid when end_state is kExited
  std::atomic<uint32_t> paused;      // control word: 1 stops recording, 0 resumes
  std::atomic<uint64_t> end_ticks;   // since start; valid when end_state is kExited
  // Control word: mean bytes between samples from now on; 0: interval_bytes.
  std::atomic<uint64_t> interval_request;
  std::atomic<uint64_t> cpu_ns;             // CPU time of the process, as last read
  std::atomic<uint64_t> full_until_ticks;   // full mode: sampled from then on; 0: not yet
  std::atomic<uint64_t> full_sample_bytes;  // full mode: see the prologue
  alignas(64) std::atomic<uint64_t> losses[kLossSlots];  // indexed by Loss
};

// The wait that a thread is in. Written before `lock`, which says that there is one.
struct OngoingWait {
  std::atomic<uint64_t> lock;  // address; 0: none
  uint64_t begin;              // ticks
  uint64_t caller;             // return address into the function that called the lock function
  uint64_t stack;              // 0: not taken
  uint64_t thread;             // its id
  uint64_t owner;              // thread id of who held the lock when the wait began; 0: not known
  LockApi api;
  uint8_t reserved0[7];
  uint64_t reserved1;
};

// Definitions one behind the other: bytes of the payload.
struct DefinitionRun {
  uint16_t begin;
  uint16_t end;
};
inline constexpr size_t kMostDefinitionRuns = 13;

struct SegmentHeader {
  std::atomic<uint32_t> magic;  // kSegmentMagic; stored last when the segment is begun
  SegmentKind kind;
  uint16_t reserved0;
  uint32_t stream;
  uint32_t sequence;
  std::atomic<uint32_t> committed;  // bytes of whole records after this header
  std::atomic<uint32_t> sealed;
  uint64_t checksum;  // XXH3-64 of the committed bytes, when sealed
  std::atomic<uint64_t>
      acquisitions;  // full mode: lock acquisitions while this segment was current, exact
  // While this segment was current: time in the agent's slow paths, without stretches so long that the
  // thread was not running; and frees that the filter could not rule out but were of no tracked block.
  std::atomic<uint64_t> agent_ticks;
  std::atomic<uint64_t> lookups;
  // Frames of stacks that were not walked by rules compiled before: their unwind programs were interpreted.
  std::atomic<uint64_t> whole_walk_frames;
  uint64_t last_time;  // when sealed: of the last record that has one
  // Used of `definitions`; 0 or more than there are: where they are is not known.
  uint16_t definition_runs;
  uint16_t reserved1;
  DefinitionRun definitions[kMostDefinitionRuns];
  OngoingWait wait;
};

// What one thread did to one lock by one function from one caller, exact in both modes. One cache line.
struct LockTableSlot {
  std::atomic<uint64_t> lock;  // address; 0 = free slot
  uint64_t caller;             // return address into the function that called the lock function
  std::atomic<uint64_t> contended;           // waits ended
  std::atomic<uint64_t> wait_ticks;          // their sum
  std::atomic<uint64_t> longest_wait_ticks;  // the greatest of them
  std::atomic<uint64_t> released;  // by an unlock, or woken, while others waited for the lock
  // Tries that found the lock held. Of a condition: threads that waited for it again as soon as they were woken, without
  // having taken a lock in between.
  std::atomic<uint64_t> refused;
  uint32_t thread;  // its id
  LockApi api;
  uint8_t reserved0[3];
};

inline constexpr size_t kSegmentPayload = kSegmentBytes - sizeof(SegmentHeader);
static_assert(kSegmentPayload <= UINT16_MAX);  // DefinitionRun
inline constexpr size_t kLockTableSlots = kSegmentPayload / sizeof(LockTableSlot);

static_assert(sizeof(HeaderPage) <= kHeaderBytes);
static_assert(offsetof(HeaderPage, host) == 128);
static_assert(offsetof(HeaderPage, segments_claimed) == 3840);
// scripts/perfagent reads and writes these two in the dumps of running processes.
static_assert(offsetof(HeaderPage, paused) == 3852);
static_assert(offsetof(HeaderPage, interval_request) == 3864);
static_assert(offsetof(HeaderPage, full_until_ticks) == 3880);
static_assert(offsetof(HeaderPage, losses) == 3904);
static_assert(sizeof(HeaderPage) == 4160);
static_assert(sizeof(OngoingWait) == 64);
static_assert(sizeof(SegmentHeader) == 192);
static_assert(sizeof(LockTableSlot) == 64);
static_assert(kLossCount <= kLossSlots);
static_assert(std::atomic<uint64_t>::is_always_lock_free);

}  // namespace perfagent
