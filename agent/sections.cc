#include "agent/sections.h"

#include <atomic>
#include <cstring>

#include "agent/clock.h"
#include "agent/sandbox.h"
#include "agent/stream.h"
#include "agent/sys.h"
#include "agent/tickets.h"
#include "agent/wait_table.h"

namespace perfagent::sections {

namespace {

// Does the thread's next release, allocation or acquisition concern this file?
void SetWatch(const Open& open) {
  thread_state.watch = static_cast<uint32_t>(open.count) + open.has_wait;
}

void Remove(Open* open, size_t at) {
  for (size_t i = at + 1; i < open->count; ++i) open->sections[i - 1] = open->sections[i];
  --open->count;
  SetWatch(*open);
}

const void* LockOf(const EndedWait& wait) {
  return reinterpret_cast<const void*>(wait.record.lock);
}

uint64_t RunningSince(uint64_t cpu_ns) {
  if (cpu_ns == 0 || sandbox::Entered()) return 0;
  return clock::ReadNs(CLOCK_THREAD_CPUTIME_ID) - cpu_ns + 1;
}

// One more event of all sections. Those that have seen enough say so, and are not looked into any more.
template <typename Count>
void CountInAll(Stream* stream, Count count) {
  Open& open = stream->open;
  for (size_t i = 0; i < open.count; ++i) {
    Section& section = open.sections[i];
    if (section.events >= kMostEvents) {
      section.record.flags |= kSectionCut;
    } else {
      ++section.events;
      count(&section.record);
    }
  }
}

bool AnyLooksInside(const Open& open) {
  for (size_t i = 0; i < open.count; ++i) {
    if (open.sections[i].events < kMostEvents) return true;
  }
  return false;
}

}  // namespace

void Follow(Stream* stream, const LockSectionRecord& record, uint64_t cpu_ns) {
  Open& open = stream->open;
  if (open.count == kMost) Remove(&open, 0);
  open.sections[open.count] = {record, cpu_ns, 0, 0};
  ++open.count;
  SetWatch(open);
}

Section* Of(Stream* stream, uint64_t lock) {
  Open& open = stream->open;
  for (size_t i = open.count; i-- > 0;) {
    if (open.sections[i].record.lock == lock) return &open.sections[i];
  }
  return nullptr;
}

Section* Innermost(Stream* stream) {
  Open& open = stream->open;
  return open.count != 0 ? &open.sections[open.count - 1] : nullptr;
}

void Close(Stream* stream, uint64_t lock, uint64_t end) {
  const Section* section = Of(stream, lock);
  if (section == nullptr) return;
  LockSectionRecord record = section->record;
  record.hold = end > record.time ? end - record.time : 0;
  record.running_ns = RunningSince(section->cpu_ns);
  Remove(&stream->open, static_cast<size_t>(section - stream->open.sections));
  stream->PutSized(record, kMaxSectionRecord);
}

void PutOff(Stream* stream, const EndedWait& wait) {
  FinishWait(stream);
  stream->open.wait = wait;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  stream->open.has_wait = true;
  SetWatch(stream->open);
}

void LeaveWaitTable(Stream* stream, const void* lock) {
  Open& open = stream->open;
  if (!open.has_wait || !open.wait.is_in_table || LockOf(open.wait) != lock) return;
  open.wait.is_in_table = false;
  wait_table::Clear(lock);
}

void FinishWait(Stream* stream) {
  Open& open = stream->open;
  if (!open.has_wait) return;
  LeaveWaitTable(stream, LockOf(open.wait));
  open.has_wait = false;
  SetWatch(open);
  if (!open.wait.is_kept) return;
  LockWaitRecord wait = open.wait.record;
  const tickets::Cuts cuts =
      tickets::Collect(LockOf(open.wait), wait.time, wait.time + wait.wait, stream->cuts);
  wait.flags |= cuts.lost ? kWaitCutsLost : 0;
  wait.count = cuts.count;
  wait.cuts = stream->cuts;
  stream->PutSized(wait, MaxWaitRecord(cuts.count));
}

void CountAllocation(Stream* stream, uint64_t bytes, uint64_t ticks) {
  CountInAll(stream, [=](LockSectionRecord* record) {
    ++record->allocations;
    record->bytes += bytes;
    record->allocator += ticks;
  });
}

void CountWait(Stream* stream, uint64_t lock, uint64_t ticks) {
  CountInAll(stream, [=](LockSectionRecord* record) {
    if (record->lock == lock) return;
    ++record->waits;
    record->waited += ticks;
  });
}

void CountIdle(Stream* stream, uint64_t ticks) {
  CountInAll(stream, [=](LockSectionRecord* record) { record->idle += ticks; });
}

void TakeBackCountdowns() {
  Stream* stream = thread_state.stream;
  if (stream == nullptr || !stream->open.is_aside) return;
  thread_state.bytes_left = stream->open.bytes_left;
  thread_state.locks_left = stream->open.locks_left;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  stream->open.is_aside = false;
}

void SetCountdownsAside() {
  Stream* stream = thread_state.stream;
  if (stream == nullptr || stream->open.is_aside || !AnyLooksInside(stream->open)) return;
  Open& open = stream->open;
  open.bytes_left = thread_state.bytes_left;
  open.locks_left = thread_state.locks_left;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  open.is_aside = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (config.heap) thread_state.bytes_left = 0;
  thread_state.locks_left = 0;
}

void Abandon(Stream* stream) {
  TakeBackCountdowns();
  stream->open.count = 0;
  stream->open.has_wait = false;
  thread_state.watch = 0;
}

}  // namespace perfagent::sections
