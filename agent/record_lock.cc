#include "agent/record_lock.h"

#include <algorithm>
#include <cerrno>

#include "agent/call_stack.h"
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/dump_writer.h"
#include "agent/futile_wake.h"
#include "agent/growing_mean.h"
#include "agent/lock_home.h"
#include "agent/modules.h"
#include "agent/process.h"
#include "agent/sampler.h"
#include "agent/sandbox.h"
#include "agent/slow_path.h"
#include "agent/wait_table.h"

namespace perfagent::lock {

namespace {

constinit GrowingMean waits_seen, acquisitions_seen;
constinit std::atomic<uint64_t> cpu_time_due;

// How many of each there are at first. A followed acquisition costs a microsecond, and what is allocated in it some more, of a
// thread that may have been sampled exactly so far. Of a small file they take a small part.
uint64_t FirstSamples(uint64_t bytes_of_file_for_each, uint64_t most) {
  const uint64_t file = uint64_t{dump_writer::Used().limit} * kSegmentBytes;
  constexpr uint64_t kLeast = 4;
  return std::clamp(file / bytes_of_file_for_each, kLeast, most);
}
uint64_t FirstWaits() { return FirstSamples(64 << 10, 16 << 10); }
uint64_t FirstAcquisitions() { return FirstSamples(8 << 10, 256); }

uint64_t AddressOf(const void* lock) { return reinterpret_cast<uintptr_t>(lock); }

// Is it held from a call to another one?
bool IsHeld(LockApi api) {
  const LockKind kind = KindOf(api);
  return kind == LockKind::kMutex || kind == LockKind::kRwlock || kind == LockKind::kSpin;
}

bool Holds(int result) { return result == 0 || result == EOWNERDEAD; }

// EDEADLK, EINVAL and the like come back at once: nobody was waited for.
bool WasWait(int result) { return Holds(result) || result == ETIMEDOUT; }

// Charges a wait to the thread's countdown of waiting time. Its event is kept, as one drawn with the mean `interval`, or it
// is not.
bool ChargeWait(uint64_t wait_ticks, Stream* stream, uint64_t* interval) {
  ThreadState& t = thread_state;
  if (t.wait_left_ticks > wait_ticks) {
    t.wait_left_ticks -= wait_ticks + 1;
    return false;
  }
  const uint64_t least = clock::TicksOf(process::kWaitIntervalNs);
  *interval = std::max(stream->wait_interval, least);
  waits_seen.Add(std::max(wait_ticks, *interval));
  stream->wait_interval = waits_seen.Next(least, FirstWaits());
  t.wait_left_ticks = sampler::DrawGap(&t.random, stream->wait_interval);
  return true;
}

// From now on the dump says what the thread waits for.
OngoingWait* Publish(const Call& call, uint64_t owner, uint64_t begin, uint64_t stack,
                     Stream* stream) {
  if (stream->segment == nullptr) return nullptr;
  OngoingWait& wait = stream->segment->wait;
  wait.begin = begin;
  wait.caller = call.caller();
  wait.stack = stack;
  wait.thread = static_cast<uint64_t>(stream->owner.load(std::memory_order_relaxed));
  wait.owner = owner;
  wait.api = call.api;
  wait.lock.store(call.address(), std::memory_order_release);
  return &wait;
}

// A child that was forked by a handler amid the wait has no part in its parent's dump, which is not mapped there.
void Withdraw(OngoingWait* wait) {
  const Stream* stream = thread_state.stream;
  const bool is_mapped =
      dump_writer::Header() != nullptr && stream != nullptr && streams::IsOfThisProcess(stream);
  if (wait != nullptr && is_mapped) wait->lock.store(0, std::memory_order_relaxed);
}

LockWaitRecord RecordOf(const Call& call, const Wait& wait, uint64_t wait_ticks, int result) {
  LockWaitRecord record = {};
  record.api = call.api;
  record.result = static_cast<uint64_t>(result);
  record.time = wait.begin;
  record.wait = wait_ticks;
  record.lock = call.address();
  record.stack = wait.stack;
  return record;
}

LockSectionRecord SectionOf(const Call& call, uint64_t begin, uint64_t stack, uint64_t interval) {
  LockSectionRecord record = {};
  record.api = call.api;
  record.time = begin;
  record.lock = call.address();
  record.stack = stack;
  record.interval = interval;
  return record;
}

// The section that the wait ended with.
void FollowWait(const LockWaitRecord& wait, Stream* stream) {
  if (sections::Of(stream, wait.lock) != nullptr) return;
  LockSectionRecord section = {};
  section.api = wait.api;
  section.time = wait.time + wait.wait;
  section.lock = wait.lock;
  section.stack = wait.stack;
  section.interval = wait.interval;
  section.flags = kSectionContended;
  section.wait = wait.wait;
  sections::Follow(stream, section, 0);
}

// Counts the wait, and says whether it is kept: `ended` is what is left to do.
sections::EndedWait Count(const Call& call, const Wait& wait, int result, uint64_t end,
                          Stream* stream) {
  const uint64_t wait_ticks = end > wait.begin ? end - wait.begin : 0;
  stream->SumWait(call.api, call.address(), call.caller(), wait_ticks);
  if (IsHeld(call.api)) {
    sections::CountWait(stream, call.address(), wait_ticks);
  } else {
    sections::CountIdle(stream, wait_ticks);
  }
  sections::EndedWait ended = {RecordOf(call, wait, wait_ticks, result), false, false};
  ended.is_kept = budget::RecordsAll() || ChargeWait(wait_ticks, stream, &ended.record.interval);
  return ended;
}

// Of a lock that is held now. Whoever waits for it waits for what is done here, too: only what cannot be done after its
// release is. False: nothing was done.
bool EndWaitAsOwner(const Call& call, const Wait& wait, int result) {
  if (wait.ongoing == nullptr || !IsHeld(call.api) || !Holds(result)) return false;
  AgentScope scope(AgentScope::kLost, call.hook.top());
  if (!scope || !lifecycle::Enter() || lifecycle::Paused()) return false;
  Stream* stream = thread_state.stream;
  if (stream == nullptr) return false;
  sections::EndedWait ended = Count(call, wait, result, clock::Now(), stream);
  Withdraw(wait.ongoing);
  // Readers release while others read: they cannot tell their own entry from others'.
  ended.is_in_table = KindOf(call.api) != LockKind::kRwlock;
  if (!ended.is_in_table) wait_table::Clear(call.lock);
  if (ended.is_kept) FollowWait(ended.record, stream);
  sections::PutOff(stream, ended);
  if (ended.is_kept) sections::SetCountdownsAside();
  return true;
}

// The order in which locks are taken, of what is followed.
void NoteOrder(const Call& call, uint64_t time, uint64_t stack, Stream* stream) {
  sections::Section* outer = sections::Innermost(stream);
  if (outer == nullptr || outer->record.lock == call.address()) return;
  if (outer->inside++ >= sections::kMostInside) return;
  stream->Put(LockAcquireRecord{call.api, time, call.address(), stack, 0, outer->record.lock});
}

// Of some followed acquisitions, because it takes a system call at both ends: fifty a second.
uint64_t CpuTime(uint64_t now) {
  constexpr uint64_t kEveryNs = 20000000;
  uint64_t due = cpu_time_due.load(std::memory_order_relaxed);
  if (sandbox::Entered() || now < due) return 0;
  if (!cpu_time_due.compare_exchange_strong(due, now + clock::TicksOf(kEveryNs))) return 0;
  return clock::ReadNs(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t DrawAcquisitions(uint64_t* interval) {
  *interval = acquisitions_seen.Next(process::kAcquireInterval, FirstAcquisitions());
  return *interval == 1 ? 0 : sampler::DrawGap(&thread_state.random, *interval);
}

// Is this acquisition to be followed where all are counted by number? If so, it stands for `interval` of them.
bool IsDueInFullMode(Stream* stream, uint64_t* interval) {
  if (stream->follow_interval == 0)
    stream->follow_left = DrawAcquisitions(&stream->follow_interval);
  if (stream->follow_left > 0) {
    --stream->follow_left;
    return false;
  }
  *interval = stream->follow_interval;
  stream->follow_left = DrawAcquisitions(&stream->follow_interval);
  return true;
}

// The same where its countdown has ended.
bool IsDueInSampledMode(Stream* stream, uint64_t* interval) {
  ThreadState& t = thread_state;
  // The thread's first one, or the first that it is not to record for certain.
  if (stream->follow_interval == 0 || t.locks_left < kEveryLock / 2)
    t.locks_left = static_cast<int64_t>(DrawAcquisitions(&stream->follow_interval));
  if (t.SpendLock()) return false;
  *interval = stream->follow_interval;
  t.locks_left = static_cast<int64_t>(DrawAcquisitions(&stream->follow_interval));
  return true;
}

// Is there nothing to do about this acquisition but to count it?
bool OnlyCounts() {
  if (!lifecycle::FullMode() || thread_state.watch != 0) return false;
  Stream* stream = thread_state.stream;
  if (stream == nullptr || stream->follow_left == 0) return false;
  --stream->follow_left;
  return true;
}

// Where every event is recorded: a tenth of what reading the clock takes.
void CountAcquisition() {
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (!lifecycle::Enter() || !budget::RecordsAll() || lifecycle::Paused()) return;
  if (thread_state.SpendLock()) return;
  if (Stream* stream = streams::Current()) stream->CountAcquisition();
}

}  // namespace

void RestartInChild() {
  waits_seen.Reset();
  acquisitions_seen.Reset();
  cpu_time_due.store(0);
  lock_home::RestartInChild();
}

Wait BeginWait(const Call& call, uint64_t owner) {
  SlowPath path(SlowPath::kLock, call.hook.top());
  if (!path || !config.locks) return {};
  // Before anything else: whoever releases the lock meanwhile is to see it.
  wait_table::Publish(call.lock);
  if (lifecycle::Paused()) return {path.begin()};
  Stream* stream = streams::Current();
  if (stream == nullptr) return {path.begin()};
  sections::FinishWait(stream);
  const uint64_t stack = call_stack::Take(stream, call.hook.Caller());
  NoteOrder(call, path.begin(), stack, stream);
  modules::Note(stream, call.address());
  futile_wake::Count(stream, call);
  lock_home::Note(stream, call, path.begin());
  lock_home::Answer(stream, call.hook.Caller(), lock_home::kNoWait);
  return {path.begin(), stack, Publish(call, owner, path.begin(), stack, stream)};
}

void EndWait(const Call& call, const Wait& wait, int result) {
  if (wait.begin == 0 || EndWaitAsOwner(call, wait, result)) return;
  wait_table::Clear(call.lock);
  SlowPath path(SlowPath::kLock, call.hook.top());
  Withdraw(wait.ongoing);
  if (!path) return path.Refuse();
  if (!WasWait(result) || lifecycle::Paused()) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  sections::PutOff(stream, Count(call, wait, result, path.begin(), stream));
  sections::FinishWait(stream);
  if (IsHeld(call.api)) return;
  futile_wake::NoteWake(stream, call, result);
  lock_home::Answer(stream, call.hook.Caller(), wait.begin);
}

Release BeginRelease(const void* lock, uint64_t held_by) {
  AgentScope scope;
  if (!scope) {
    if (!wait_table::IsWaitedFor(lock)) return {};
    return {tickets::Leave(lock, tickets::kNoStream, held_by)};
  }
  if (!lifecycle::Enter() || lifecycle::Paused()) return {};
  Stream* stream = streams::Current();
  if (stream == nullptr) return {};
  sections::LeaveWaitTable(stream, lock);
  const bool is_awaited = wait_table::IsWaitedFor(lock);
  Release release;
  release.is_followed = thread_state.watch != 0 && sections::Of(stream, AddressOf(lock)) != nullptr;
  if (is_awaited) {
    release.ticket = tickets::Leave(lock, stream->number, held_by);
    release.time = release.ticket.time;
  } else if (release.is_followed) {
    release.time = clock::Now();
  }
  return release;
}

void EndRelease(const Call& call, const Release& release, int result) {
  const bool is_awaited = release.ticket.number != 0;
  if (!is_awaited && !release.is_followed && thread_state.watch == 0) return;
  SlowPath path(SlowPath::kShortLock, call.hook.top());
  if (result != 0) {
    if (is_awaited) tickets::Withdraw(release.ticket);
    return;
  }
  if (!path) {
    // By a handler amid the agent: the wait is cut, and nobody is blamed for what was before.
    if (is_awaited) tickets::Explain(release.ticket, 0);
    return;
  }
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  if (is_awaited) {
    const uint64_t stack = call_stack::Take(stream, call.hook.Caller());
    if (tickets::Explain(release.ticket, stack)) {
      stream->Put(LockReleaseRecord{call.api, release.ticket.time, call.address(), stack});
    }
    stream->SumRelease(call.api, call.address(), call.caller());
    lock_home::NoteOwn(stream, call);
  }
  if (release.is_followed) sections::Close(stream, call.address(), release.time);
  sections::FinishWait(stream);
}

Acquisition BeginAcquisition(const Call& call) {
  Acquisition acquisition;
  if (OnlyCounts()) {
    acquisition.is_counted = true;
    return acquisition;
  }
  SlowPath path(SlowPath::kLock, call.hook.top());
  if (!path) {
    path.Refuse();
    return acquisition;
  }
  Stream* stream = streams::Current();
  if (stream == nullptr || !config.locks || lifecycle::Paused()) return acquisition;
  acquisition.is_counted = path.records_all();
  acquisition.is_followed = path.records_all() ? IsDueInFullMode(stream, &acquisition.interval)
                                               : IsDueInSampledMode(stream, &acquisition.interval);
  if (!acquisition.is_followed && sections::Innermost(stream) == nullptr) return acquisition;
  acquisition.stack = call_stack::Take(stream, call.hook.Caller());
  if (acquisition.is_followed) acquisition.cpu_ns = CpuTime(path.begin());
  return acquisition;
}

void EndAcquisition(const Call& call, const Acquisition& acquisition, bool has_waited) {
  if (acquisition.is_counted) CountAcquisition();
  if (acquisition.stack == 0) return;
  SlowPath path(SlowPath::kLock, call.hook.top());
  if (!path) return path.Refuse();
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  ++stream->last_wake.slow_acquired;
  if (!has_waited) NoteOrder(call, path.begin(), acquisition.stack, stream);
  if (!acquisition.is_followed) return;
  acquisitions_seen.Add(acquisition.interval);
  if (!acquisition.is_counted) {
    modules::Note(stream, call.address());
    stream->Put(LockAcquireRecord{call.api, path.begin(), call.address(), acquisition.stack,
                                  acquisition.interval, 0});
  }
  // One that has waited is followed if its wait was kept, and an inner level is part of the outer one.
  if (has_waited || sections::Of(stream, call.address()) != nullptr) return;
  lock_home::NoteOwn(stream, call);
  const uint64_t begin = path.begin();
  sections::Follow(stream, SectionOf(call, begin, acquisition.stack, acquisition.interval),
                   acquisition.cpu_ns);
}

void RecordRefusedTry(const Call& call) {
  SlowPath path(SlowPath::kLock, call.hook.top());
  if (!path) return path.Refuse();
  if (!config.locks || lifecycle::Paused()) return;
  if (Stream* stream = streams::Current()) {
    stream->SumRefusal(call.api, call.address(), call.caller());
  }
}

}  // namespace perfagent::lock
