// stream.h: one thread's place in the dump: its current segment, and the records it appends there.
//
// A stream has one writer at a time. When its thread is gone for the kernel too (threads still free blocks after their
// last destructor), the next new thread goes on with it, so that a hundred thousand short threads do not cost a segment
// each. Streams are made once and never unmapped.
//
// Threads:  a Stream belongs to its owner; Current() hands it out. No locks.
// Signals:  only under an AgentScope, which keeps handlers of the same thread out.
// Longjmp:  a handler may leave any of this half done. What counts is what was published: Reserve
//           brings position and prediction state back to that.
// Order:    a record is visible to readers from Commit's store on; a process killed before it leaves nothing of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/counters.h"
#include "agent/futile_wake.h"
#include "agent/lock_home.h"
#include "agent/readings.h"
#include "agent/sections.h"
#include "agent/stack_table.h"
#include "agent/text.h"
#include "agent/unwind/stack_memo.h"
#include "agent/unwind/workspace.h"
#include "perfagent/event_codec.h"

namespace perfagent {

inline constexpr size_t kResetBytes = 1;

struct Stream {
  // Room for `bytes` of records in the current or a fresh segment; null when there is none, counted.
  uint8_t* Reserve(size_t bytes) {
    const bool fits = segment != nullptr && !was_left && committed + bytes <= present;
    return fits ? reinterpret_cast<uint8_t*>(segment + 1) + committed : ReserveMore(bytes);
  }
  // Publishes them.
  void Commit(size_t bytes);
  // A signal handler left the agent by longjmp, in the middle of anything.
  void WasLeft() { was_left = is_out_of_step = true; }

  // Appends one record of at most kMaxPlainRecord bytes, and behind an event the readings that are due. False: lost,
  // counted.
  template <typename Record>
  bool Put(const Record& record) {
    const bool written = PutSized(record, kMaxPlainRecord);
    if constexpr (kIsEvent<Record>) {
      if (written && readings::AreDue(codec.last_time)) [[unlikely]]
        PutDueReadings();
    }
    return written;
  }
  // Appends one record of at most `most_bytes`, and nothing behind it. False: lost, counted.
  template <typename Record>
  bool PutSized(const Record& record, size_t most_bytes) {
    uint8_t* room = Reserve(kResetBytes + most_bytes);
    if (room == nullptr) return false;
    if (is_out_of_step) [[unlikely]]
      room += PutReset(room);
    has_tables = config.mode == RunMode::kFull;
    Encoder encoder(room, &codec, has_tables ? &tables : nullptr);
    encoder.Put(record);
    if constexpr (!kIsEvent<Record>) NoteDefinition(encoder.size(), kHasTime<Record>);
    Commit(encoder.size());
    return true;
  }

  // Full mode: one more lock acquisition in the current segment. False: no segment, counted.
  bool CountAcquisition();
  // Adds one contended wait, or one release while others waited, to this stream's lock table.
  void SumWait(LockApi api, uint64_t lock, uint64_t caller, uint64_t wait_ticks);
  void SumRelease(LockApi api, uint64_t lock, uint64_t caller);
  void SumRefusal(LockApi api, uint64_t lock, uint64_t caller);
  // Appends a reading of the clocks, where they may be read.
  void PutReading();
  // Writes who the thread is when that has changed since it was last written.
  void DescribeThread();
  // Adds to what the agent cost this thread; takes along the look-ups counted since.
  void Bill(uint64_t ticks);
  // A stack of so many frames was walked whole, and not by rules.
  void CountWholeWalk(size_t frames);
  // Writes with which mean the blocks that follow were sampled, when that has changed.
  void DescribeInterval(uint64_t interval_bytes);
  // The NUMA node that the thread runs on, likewise.
  void DescribeNode();

  uint8_t* ReserveMore(size_t bytes);
  bool BeginSegment();
  // Tells the decoder to forget what it knows, and forgets it here. Returns the bytes taken.
  size_t PutReset(uint8_t* room);
  // Of so many bytes, about to be published.
  void NoteDefinition(size_t bytes, bool has_time);
  void PutDueReadings();
  void Recover();
  // Makes the payload of the current segment present up to `bytes`. False, with the cause: it cannot be.
  bool MakePresent(size_t bytes, Loss* cause);
  // A slow path took long. If that is the file's doing, some times in a row, nothing is written to it for a while.
  void NoteStall();
  // Null, with the cause, when there is none.
  SegmentHeader* ClaimFor(SegmentKind kind, Loss* cause);
  // Null, counted, when there is none.
  LockTableSlot* SlotFor(LockApi api, uint64_t lock, uint64_t caller);

  Stream* next;                // in the list of all streams
  std::atomic<int32_t> owner;  // thread id
  std::atomic<uint32_t>
      ending;        // the owner's destructors have run: ask the kernel whether it is gone
  uint32_t process;  // which one it was made in, counted by forks
  uint32_t number;
  uint32_t sequence;  // of the next event segment
  SegmentHeader* segment;
  SegmentHeader* unready;  // claimed, and could not be made present: tried again
  uint32_t committed;
  uint32_t present;  // bytes of the payload that are present in memory
  bool was_left;     // what of the current segment is committed has to be found out
  // The decoder will not know what `codec` and `tables` hold: a record was left half written, or a segment is to be readable
  // by itself.
  bool is_out_of_step;
  bool has_tables;  // in use since the last reset
  CodecState codec;
  SegmentHeader* lock_table;
  uint32_t lock_slots_used;
  char name[16];            // as last written
  uint64_t interval_bytes;  // as last written; 0: not in this segment yet
  uint32_t node;            // likewise
  uint64_t unbilled_ticks;  // spent in the agent
  uint64_t lookups;         // not billed yet
  uint64_t untold_ns;       // spent, and not yet known to the budget
  uint64_t untold_heap_ns;  // of it, for blocks
  uint64_t untold_bytes;    // of records, likewise
  uint32_t stalls;          // stores to the file in a row that took a millisecond
  bool has_slow_path;       // was charged for one
  uint32_t slow_paths_unbilled;
  uint32_t untimed_calls;  // of the allocator, since the last one that was timed (record_heap.h)
  uint32_t untimed_paths;  // since the last one that was timed (SlowPath::kShortLock)
  Workspace unwind;
  Spine spine;
  StackMemo memo;
  StackCache stacks;
  prediction::EncoderTables tables;  // full mode
  // Where every event is recorded: bytes until the next block that is in the sample, drawn with this mean (0: not yet).
  uint64_t sample_left;
  uint64_t sample_interval_bytes;
  uintptr_t last_sampled;      // the last sampled block, while no other was sampled since
  uint64_t left_after_sample;  // ThreadState::bytes_left when it was taken
  sections::Open open;
  futile_wake::LastWake last_wake;
  lock_home::Questions questions;
  uint64_t wait_interval;    // with which ThreadState::wait_left_ticks was drawn; 0: the least
  uint64_t follow_interval;  // and the acquisitions until the next followed one
  uint64_t follow_left;      // these, in full mode
  // Of the record in progress; too large for small guest stacks.
  uint64_t pcs[kMaxFrames];
  WaitCut cuts[kMaxWaitCuts];
  PathText path;
};

namespace streams {

// The calling thread's stream, begun if need be. Null when there is no memory, counted.
// REQUIRES: an AgentScope.
Stream* Current();

// Whose thread's stack contains the address; null: nobody's, as far as known.
Stream* WithStackAt(uint64_t address);

// Memory for threads that begin when mmap may no longer be called.
void MakeReserve();

// Thread-specific key whose destructor marks the thread's stream as ending. Once per process.
void Start();

// In a forked child: the parent's streams are not ours. The thread that forked still has one of them.
void Forget();
bool IsOfThisProcess(const Stream* stream);

}  // namespace streams

}  // namespace perfagent
