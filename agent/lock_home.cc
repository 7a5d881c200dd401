#include "agent/lock_home.h"

#include <algorithm>

#include "agent/call_stack.h"
#include "agent/clock.h"
#include "agent/process_shared.h"
#include "agent/record_lock.h"
#include "agent/sampler.h"
#include "agent/shared_mapping.h"
#include "agent/stream.h"
#include "agent/wait_table.h"

namespace perfagent::lock_home {

namespace {

bool HasHome(LockApi api) {
  const LockKind kind = KindOf(api);
  return kind != LockKind::kFutex && kind != LockKind::kThread;
}

// What was found out about a lock, and when it is to be asked again. An entry belongs to its lock until then.
struct Entry {
  std::atomic<uint64_t> lock;
  std::atomic<uint64_t> due;
  std::atomic<uint64_t> pause;  // ticks until then, doubled each time
  std::atomic<uint64_t> said;   // scrambled; 0: nothing
  std::atomic<uint32_t> process;
};

constexpr size_t kEntries = 2048;
constexpr size_t kProbes = 4;
constexpr uint64_t kFirstPauseNs = 1000000;
constexpr uint64_t kLongestPauseNs = uint64_t{64} * 1000000000;
constinit Entry entries[kEntries] = {};
constinit std::atomic<uint64_t> mapping_due;

// The lock's entry, if it is time to ask; null: not now.
Entry* Due(uint64_t lock, uint32_t process, uint64_t now) {
  const uint64_t first = sampler::Scramble(lock);
  for (size_t probe = 0; probe < kProbes; ++probe) {
    Entry& entry = entries[(first + probe) % kEntries];
    const bool is_current = entry.process.load(std::memory_order_relaxed) == process;
    const bool is_due = !is_current || now >= entry.due.load(std::memory_order_relaxed);
    if (entry.lock.load(std::memory_order_relaxed) == lock && is_current)
      return is_due ? &entry : nullptr;
    if (!is_due) continue;
    entry.lock.store(lock, std::memory_order_relaxed);
    entry.process.store(process, std::memory_order_relaxed);
    entry.pause.store(0, std::memory_order_relaxed);
    entry.said.store(0, std::memory_order_relaxed);
    return &entry;
  }
  return nullptr;
}

void SetNextDue(Entry* entry, uint64_t now) {
  const uint64_t pause = std::clamp(2 * entry->pause.load(std::memory_order_relaxed),
                                    clock::TicksOf(kFirstPauseNs), clock::TicksOf(kLongestPauseNs));
  entry->pause.store(pause, std::memory_order_relaxed);
  entry->due.store(now + pause, std::memory_order_relaxed);
}

// Is that news?
bool IsNews(Entry* entry, uint64_t what) {
  return entry->said.exchange(what, std::memory_order_relaxed) != what;
}

uint64_t ThreadOf(const Stream* stream) {
  return static_cast<uint64_t>(stream->owner.load(std::memory_order_relaxed));
}

void Ask(Questions* questions, uint64_t lock, uint64_t now) {
  Questions::Asked& asked = questions->asked[sampler::Scramble(lock) % Questions::kMost];
  // No earlier question may have this one's time.
  asked.lock.store(0, std::memory_order_release);
  asked.time.store(now, std::memory_order_release);
  asked.lock.store(lock, std::memory_order_release);
}

void Say(Stream* stream, uint64_t lock, uint64_t stack) {
  Questions::Said& said = stream->questions.said[sampler::Scramble(lock) % Questions::kMost];
  if (said.lock == lock && said.stack == stack) return;
  if (stream->Put(LockFrameRecord{lock, ThreadOf(stream), stack})) said = {lock, stack};
}

// May the process look for one now?
bool ClaimMapping(uint64_t now) {
  constexpr uint64_t kEveryNs = 20000000;
  uint64_t due = mapping_due.load(std::memory_order_relaxed);
  return now >= due && mapping_due.compare_exchange_strong(due, now + clock::TicksOf(kEveryNs));
}

void NoteMapping(Stream* stream, uint64_t lock, Entry* entry) {
  shared_mapping::Place place;
  if (!shared_mapping::Find(lock, stream, &place)) return;
  const uint64_t what = sampler::Scramble(place.device) ^ sampler::Scramble(place.inode + 1) ^
                        sampler::Scramble(place.offset + 2);
  if (!IsNews(entry, what)) return;
  const std::string_view path = stream->path.view();
  stream->PutSized(LockMappingRecord{lock, place.device, place.inode, place.offset, path},
                   MaxTextRecord(path.size()));
}

}  // namespace

void Note(Stream* stream, const lock::Call& call, uint64_t now) {
  if (!HasHome(call.api)) return;
  const uint64_t lock = call.address();
  if (stream->unwind.bounds.range().Contains(lock)) return NoteOwn(stream, call);
  Entry* entry = Due(lock, stream->process, now);
  if (entry == nullptr) return;
  if (Stream* owner = streams::WithStackAt(lock)) {
    SetNextDue(entry, now);
    Ask(&owner->questions, lock, now);
    if (IsNews(entry, ThreadOf(owner))) stream->Put(LockFrameRecord{lock, ThreadOf(owner), 0});
    return;
  }
  if (!process_shared::Is(call.api, call.lock)) return SetNextDue(entry, now);
  if (!ClaimMapping(now)) return;
  SetNextDue(entry, now);
  NoteMapping(stream, lock, entry);
}

void RestartInChild() { mapping_due.store(0); }

void NoteOwn(Stream* stream, const lock::Call& call) {
  const uint64_t lock = call.address();
  if (!HasHome(call.api) || !stream->unwind.bounds.range().Contains(lock)) return;
  Say(stream, lock, call_stack::TakeUpTo(stream, call.hook.Caller(), lock));
}

void Answer(Stream* stream, const FrameState& caller, uint64_t wait_begin) {
  for (Questions::Asked& asked : stream->questions.asked) {
    const uint64_t lock = asked.lock.load(std::memory_order_acquire);
    if (lock == 0) continue;
    const bool was_asked_amid_wait = asked.time.load(std::memory_order_relaxed) >= wait_begin;
    if (!was_asked_amid_wait && !wait_table::IsWaitedFor(reinterpret_cast<const void*>(lock)))
      continue;
    asked.lock.store(0, std::memory_order_relaxed);
    Say(stream, lock, call_stack::TakeUpTo(stream, caller, lock));
  }
}

}  // namespace perfagent::lock_home
