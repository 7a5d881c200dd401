#include "agent/stream.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <cstring>
#include <new>

#include "agent/agent_scope.h"
#include "agent/config.h"
#include "agent/dump_writer.h"
#include "agent/memory_use.h"
#include "agent/process.h"
#include "agent/sandbox.h"
#include "agent/sys.h"
#include "agent/thread_state.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace perfagent {

namespace {

std::atomic<Stream*> all_streams;
std::atomic<uint32_t> stream_count;
std::atomic<uint32_t> process_count;
pthread_key_t ending_key;
bool has_ending_key;

uint8_t* PayloadOf(SegmentHeader* segment) { return reinterpret_cast<uint8_t*>(segment + 1); }

// Sampled mode makes a segment present in steps, so that a process with one event stays small on disk; full mode fills
// segments anyway, and one call is cheaper than four.
constexpr uint32_t kPresentStep = 8192;

// A damaged segment takes those along that go on from it: in full mode, up to so many.
constexpr uint32_t kSegmentsPerReset = 32;

uint32_t PresentStep() {
  return config.mode == RunMode::kFull ? static_cast<uint32_t>(kSegmentPayload) : kPresentStep;
}

// A number that this thread alone changes, and others read.
void AddTo(std::atomic<uint64_t>* number, uint64_t more) {
  number->store(number->load(std::memory_order_relaxed) + more, std::memory_order_release);
}

constexpr uint16_t kDefinitionsUnknown = kMostDefinitionRuns + 1;

void Seal(SegmentHeader* segment, uint64_t last_time) {
  segment->last_time = last_time;
  segment->checksum = XXH3_64bits(PayloadOf(segment), segment->committed.load());
  segment->sealed.store(1, std::memory_order_release);
}

// Linux thread ids are reused: our own id means that the former owner is gone.
bool ThreadIsGone(int32_t tid, int32_t self) {
  constexpr long kNoSuchProcess = -3;
  if (tid == self) return true;
  return !sandbox::Entered() && sys::Call(SYS_tgkill, sys::Pid(), tid, 0) == kNoSuchProcess;
}

Stream* TakeOverEnded(int32_t self) {
  if (self == 0) return nullptr;  // nobody knows who this is (process::ThreadId)
  for (Stream* stream = all_streams.load(); stream != nullptr; stream = stream->next) {
    int32_t owner = stream->owner.load();
    if (stream->ending.load() == 0 && owner != self) continue;
    if (!ThreadIsGone(owner, self)) continue;
    if (stream->owner.compare_exchange_strong(owner, self)) {
      stream->ending.store(0);
      stream->name[0] = 0;
      stream->unwind.bounds.Reset();
      stream->spine.Clear();
      stream->open.count = 0;
      stream->open.has_wait = stream->open.is_aside = false;
      stream->last_wake = {};
      stream->questions.Clear();
      stream->wait_interval = stream->follow_interval = stream->follow_left = 0;
      return stream;
    }
  }
  return nullptr;
}

// Room for streams where mmap may not be called; taken from the front.
std::atomic<Stream*> reserve;
Stream* reserve_end;

Stream* TakeFromReserve() {
  Stream* next = reserve.load();
  while (next != reserve_end && !reserve.compare_exchange_weak(next, next + 1)) {
  }
  return next != reserve_end ? next : nullptr;
}

Stream* Make(int32_t self) {
  void* memory = sandbox::Entered() ? TakeFromReserve() : sys::Reserve(sizeof(Stream));
  if (memory == nullptr) return nullptr;
  // Not Stream(): that would write zeros over half a megabyte that is zero and mostly never touched.
  Stream* stream = new (memory) Stream;
  stream->process = process_count.load();
  stream->number = stream_count.fetch_add(1);
  stream->owner.store(self);
  stream->next = all_streams.load();
  while (!all_streams.compare_exchange_weak(stream->next, stream)) {
  }
  return stream;
}

void MarkEnding(void* value) {
  // Only this process's streams: a forked child runs the destructor with its parent's value.
  auto* stream = static_cast<Stream*>(value);
  if (thread_state.stream != stream || !streams::IsOfThisProcess(stream)) return;
  if (dump_writer::Header() == nullptr) return;
  AgentScope scope;
  if (!scope) return;
  stream->DescribeThread();
  sections::FinishWait(stream);
  sections::Abandon(stream);
  stream->Put(ThreadEndRecord{clock::Now()});
  stream->ending.store(1);
}

}  // namespace

SegmentHeader* Stream::ClaimFor(SegmentKind kind, Loss* cause) {
  SegmentHeader* fresh = unready != nullptr ? unready : dump_writer::ClaimSegment(cause);
  if (fresh == nullptr) return nullptr;
  const uint32_t bytes = kind == SegmentKind::kEvents ? PresentStep() : kSegmentPayload;
  const bool present = dump_writer::MakePresent(fresh, PayloadOf(fresh) + bytes, cause);
  unready = present ? nullptr : fresh;
  if (!present) return nullptr;
  fresh->kind = kind;
  fresh->stream = number;
  return fresh;
}

bool Stream::BeginSegment() {
  Loss cause;
  SegmentHeader* fresh = ClaimFor(SegmentKind::kEvents, &cause);
  if (fresh == nullptr) {
    counters::Add(cause);
    return false;
  }
  fresh->sequence = sequence++;
  fresh->magic.store(kSegmentMagic, std::memory_order_release);
  SegmentHeader* full = segment;
  segment = fresh;
  committed = 0;
  present = PresentStep();
  // Only now: nothing can be appended to the old segment any more.
  if (full != nullptr) Seal(full, codec.last_time);
  // Every segment says whose it is: one that is lost to damage takes only its own events along.
  name[0] = 0;
  interval_bytes = 0;
  node = 0;
  if (config.mode != RunMode::kFull || fresh->sequence % kSegmentsPerReset == 0)
    is_out_of_step = true;
  DescribeThread();
  DescribeNode();
  return true;
}

void Stream::Recover() {
  committed = segment->committed.load(std::memory_order_relaxed);
  if (committed == 0) present = PresentStep();
  segment->definition_runs = kDefinitionsUnknown;  // one may have been noted, and not published
  std::atomic_signal_fence(std::memory_order_seq_cst);
  was_left = false;
}

size_t Stream::PutReset(uint8_t* room) {
  Encoder encoder(room, &codec);
  encoder.Put(ResetRecord{});
  constexpr bool kTimesBeginAnew = true;
  NoteDefinition(encoder.size(), kTimesBeginAnew);
  Commit(encoder.size());
  codec = CodecState();
  if (has_tables) memset(&tables, 0, sizeof tables);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  is_out_of_step = false;
  return encoder.size();
}

void Stream::NoteDefinition(size_t bytes, bool has_time) {
  uint16_t& runs = segment->definition_runs;
  if (runs == kDefinitionsUnknown) return;
  const bool goes_on = runs != 0 && segment->definitions[runs - 1].end == committed;
  const bool is_at_beginning = committed == 0 || (goes_on && runs == 1);
  if ((has_time && !is_at_beginning) || (!goes_on && runs == kMostDefinitionRuns)) {
    runs = kDefinitionsUnknown;
    return;
  }
  if (!goes_on) segment->definitions[runs++].begin = static_cast<uint16_t>(committed);
  segment->definitions[runs - 1].end = static_cast<uint16_t>(committed + bytes);
}

bool Stream::MakePresent(size_t bytes, Loss* cause) {
  if (bytes <= present) return true;
  uint8_t* payload = PayloadOf(segment);
  const size_t wanted = bytes + PresentStep();
  const size_t until = wanted < kSegmentPayload ? wanted : kSegmentPayload;
  if (!dump_writer::MakePresent(payload + present, payload + until, cause)) return false;
  present = static_cast<uint32_t>(until);
  return true;
}

uint8_t* Stream::ReserveMore(size_t bytes) {
  if (was_left && segment != nullptr) Recover();
  Loss cause;
  if (segment == nullptr || committed + bytes > kSegmentPayload ||
      !MakePresent(committed + bytes, &cause)) {
    // A fresh segment may be had where the rest of this one may not: from the reserve.
    if (!BeginSegment()) return nullptr;
    if (!MakePresent(committed + bytes, &cause)) {
      counters::Add(cause);
      return nullptr;
    }
  }
  return PayloadOf(segment) + committed;
}

void Stream::NoteStall() {
  constexpr uint64_t kStallNs = 1000000;
  constexpr uint32_t kMostStalls = 4;
  if (segment == nullptr) return;
  const uint64_t begin = clock::Now();
  volatile uint8_t* last = PayloadOf(segment) + (committed == 0 ? 0 : committed - 1);
  segment->committed.store(committed, std::memory_order_release);
  const uint8_t same = *last;
  *last = same;
  if (clock::NsOf(clock::Since(begin)) < kStallNs) {
    stalls = 0;
    return;
  }
  if (++stalls < kMostStalls) return;
  stalls = 0;
  present = committed;  // so that room is asked for
  dump_writer::BackOff();
}

void Stream::Commit(size_t bytes) {
  committed += static_cast<uint32_t>(bytes);
  segment->committed.store(committed, std::memory_order_release);
  untold_bytes += bytes;
}

bool Stream::CountAcquisition() {
  if (segment == nullptr && !BeginSegment()) return false;
  AddTo(&segment->acquisitions, 1);
  return true;
}

void Stream::Bill(uint64_t ticks) {
  unbilled_ticks += ticks;
  // To the header alone: stores to two pages in turn would find the other one cleaned each time.
  if (segment == nullptr || dump_writer::IsRefused()) return;
  AddTo(&segment->agent_ticks, unbilled_ticks);
  AddTo(&segment->lookups, lookups);
  unbilled_ticks = lookups = 0;
}

void Stream::CountWholeWalk(size_t frames) {
  if (segment != nullptr) AddTo(&segment->whole_walk_frames, frames);
}

LockTableSlot* Stream::SlotFor(LockApi api, uint64_t lock, uint64_t caller) {
  // Three quarters full, a fresh table: the reader adds up what several tables say of one lock.
  constexpr uint32_t kMostUsed = kLockTableSlots / 4 * 3;
  if (lock_table == nullptr || lock_slots_used >= kMostUsed) {
    Loss cause;  // whichever: it is the table that is missing
    SegmentHeader* fresh = ClaimFor(SegmentKind::kLockTable, &cause);
    if (fresh == nullptr) {
      counters::Add(Loss::kLockTableFull);
      return nullptr;
    }
    fresh->magic.store(kSegmentMagic, std::memory_order_release);
    lock_table = fresh;
    lock_slots_used = 0;
  }
  auto* slots = reinterpret_cast<LockTableSlot*>(PayloadOf(lock_table));
  const auto thread = static_cast<uint32_t>(owner.load(std::memory_order_relaxed));
  size_t at = (lock ^ caller) * 0x9e3779b97f4a7c15 >> 32;
  while (true) {
    LockTableSlot& slot = slots[at++ % kLockTableSlots];
    const uint64_t found = slot.lock.load(std::memory_order_relaxed);
    if (found == lock && slot.caller == caller && slot.api == api && slot.thread == thread)
      return &slot;
    if (found == 0) {
      slot.caller = caller;
      slot.thread = thread;
      slot.api = api;
      slot.lock.store(lock, std::memory_order_release);
      ++lock_slots_used;
      return &slot;
    }
  }
}

void Stream::SumWait(LockApi api, uint64_t lock, uint64_t caller, uint64_t wait_ticks) {
  LockTableSlot* slot = SlotFor(api, lock, caller);
  if (slot == nullptr) return;
  AddTo(&slot->wait_ticks, wait_ticks);
  AddTo(&slot->contended, 1);
  if (slot->longest_wait_ticks.load(std::memory_order_relaxed) < wait_ticks)
    slot->longest_wait_ticks.store(wait_ticks, std::memory_order_release);
}

void Stream::SumRelease(LockApi api, uint64_t lock, uint64_t caller) {
  if (LockTableSlot* slot = SlotFor(api, lock, caller)) AddTo(&slot->released, 1);
}

void Stream::SumRefusal(LockApi api, uint64_t lock, uint64_t caller) {
  if (LockTableSlot* slot = SlotFor(api, lock, caller)) AddTo(&slot->refused, 1);
}

void Stream::DescribeThread() {
  // A fresh segment describes its thread itself; after this there is room for one more record.
  if (Reserve(MaxTextRecord(sizeof name)) == nullptr) return;
  char now[16] = "?";
  if (!sandbox::Entered()) sys::Call(SYS_prctl, PR_GET_NAME, sys::Word(now));
  if (memcmp(now, name, sizeof now) == 0) return;
  memcpy(name, now, sizeof now);
  const std::string_view text(now, strnlen(now, sizeof now));
  PutSized(ThreadRecord{clock::Now(), static_cast<uint64_t>(owner.load()), text},
           MaxTextRecord(text.size()));
}

void Stream::DescribeInterval(uint64_t bytes) {
  // As with the thread's name: room first, because a fresh segment has neither.
  if (Reserve(2 * kMaxPlainRecord) == nullptr || interval_bytes == bytes) return;
  PutSized(IntervalRecord{clock::Now(), bytes}, kMaxPlainRecord);
  interval_bytes = bytes;
}

void Stream::DescribeNode() {
  unsigned now = node;
  // The vDSO's: no system call, where there is one.
  if (sandbox::Entered() || getcpu(nullptr, &now) != 0 || now == node) return;
  if (Reserve(2 * kMaxPlainRecord) == nullptr || node == now) return;
  PutSized(NodeRecord{clock::Now(), now}, kMaxPlainRecord);
  node = now;
}

void Stream::PutReading() {
  if (!sandbox::MayReadClock()) return;
  const clock::Reading now = clock::Read();
  PutSized(ClockRecord{now.ticks, now.monotonic_ns, now.realtime_ns}, kMaxPlainRecord);
}

void Stream::PutDueReadings() {
  const readings::Due due = readings::Claim(clock::Now());
  if (due.memory) memory_use::NotePeak(this);
  if (due.clock) PutReading();
}

namespace streams {

void MakeReserve() {
  constexpr size_t kStreams = 1024;
  if (reserve.load() != nullptr) return;
  auto* memory = static_cast<Stream*>(sys::Reserve(kStreams * sizeof(Stream)));
  if (memory == nullptr) return;
  reserve_end = memory + kStreams;
  reserve.store(memory);
}

void Start() { has_ending_key = pthread_key_create(&ending_key, MarkEnding) == 0; }

void Forget() {
  process_count.fetch_add(1);
  all_streams.store(nullptr);
}

Stream* WithStackAt(uint64_t address) {
  for (Stream* stream = all_streams.load(); stream != nullptr; stream = stream->next) {
    // Of a thread that has ended, another one may have the stack by now.
    const bool is_alive = stream->ending.load(std::memory_order_relaxed) == 0;
    if (is_alive && stream->unwind.bounds.RangeOfOther().Contains(address)) return stream;
  }
  return nullptr;
}

bool IsOfThisProcess(const Stream* stream) { return stream->process == process_count.load(); }

Stream* Current() {
  ThreadState& t = thread_state;
  if (t.stream != nullptr) return t.stream;
  const auto self = static_cast<int32_t>(process::ThreadId());
  Stream* stream = TakeOverEnded(self);
  if (stream == nullptr) stream = Make(self);
  if (stream == nullptr) {
    counters::Add(Loss::kThreadSlots);
    return nullptr;
  }
  t.stream = stream;
  // Low keys live inside the thread's control block; a high one would make libc allocate.
  constexpr pthread_key_t kKeysWithoutAllocation = 32;
  if (has_ending_key && ending_key < kKeysWithoutAllocation)
    pthread_setspecific(ending_key, stream);
  stream->DescribeThread();
  stream->DescribeNode();
  return stream;
}

}  // namespace streams

}  // namespace perfagent
