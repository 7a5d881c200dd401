#include "agent/record_lock.h"

#include <cerrno>

#include "agent/call_stack.h"
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/modules.h"
#include "agent/process.h"
#include "agent/sampler.h"
#include "agent/slow_path.h"
#include "agent/wait_table.h"

namespace perfagent::lock {

namespace {

// Charges a wait to the thread's countdown of waiting time. True: its event is kept.
bool ChargeWait(uint64_t wait_ticks) {
  ThreadState& t = thread_state;
  if (t.wait_left_ticks > wait_ticks) {
    t.wait_left_ticks -= wait_ticks + 1;
    return false;
  }
  t.wait_left_ticks = sampler::DrawGap(&t.random, clock::TicksOf(process::kWaitIntervalNs));
  return true;
}

// EDEADLK, EINVAL and the like come back at once: nobody was waited for.
bool WasWait(int result) { return result == 0 || result == EOWNERDEAD || result == ETIMEDOUT; }

// Where every event is recorded: a tenth of what reading the clock takes. False: it is not.
bool CountAcquisition() {
  AgentScope scope;
  if (scope && lifecycle::Enter()) {
    if (!budget::RecordsAll()) return false;
    if (lifecycle::Paused() || thread_state.SpendLock()) return true;
    if (Stream* stream = streams::Current()) stream->CountAcquisition();
  }
  if (!scope) lifecycle::Refused();
  return true;
}

int64_t DrawAcquisitions() {
  return static_cast<int64_t>(sampler::DrawGap(&thread_state.random, process::kAcquireInterval));
}

}  // namespace

Wait BeginWait(const void* lock) {
  SlowPath path;
  if (!path || !config.locks) return {0, 0};
  // Before the stack is walked: whoever releases the lock meanwhile is to see it.
  wait_table::Publish(lock);
  uint64_t stack = 0;
  if (path.records_all() && !lifecycle::Paused()) {
    if (Stream* stream = streams::Current()) stack = call_stack::Take(stream);
  }
  return {clock::Now(), stack};
}

void EndWait(LockApi api, const void* lock, uint64_t caller, const Wait& wait, int result) {
  if (wait.begin == 0) return;
  const uint64_t wait_ticks = clock::Since(wait.begin);
  wait_table::Clear(lock);
  SlowPath path;
  if (!path) return path.Refuse();
  if (!WasWait(result) || lifecycle::Paused()) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const auto address = reinterpret_cast<uint64_t>(lock);
  stream->SumWait(api, address, caller, wait_ticks);
  uint64_t stack = wait.stack;
  if (!path.records_all()) {
    if (!ChargeWait(wait_ticks)) return;
    stack = call_stack::Take(stream);
  }
  modules::Note(stream, address);
  stream->Put(LockWaitRecord{api, static_cast<uint64_t>(result), wait.begin, wait_ticks, address,
                             stack, 0,
                             path.records_all() ? 0 : clock::TicksOf(process::kWaitIntervalNs)});
}

bool IsAwaited(const void* lock) {
  SlowPath path;
  return path && !lifecycle::Paused() && wait_table::IsWaitedFor(lock);
}

void RecordRelease(LockApi api, const void* lock, uint64_t caller) {
  SlowPath path;
  if (!path) return path.Refuse();
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  stream->SumRelease(api, reinterpret_cast<uint64_t>(lock), caller);
}

void RecordAcquisition(LockApi api, const void* lock) {
  if (lifecycle::FullMode() && CountAcquisition()) return;
  SlowPath path;
  if (!path) return path.Refuse();
  ThreadState& t = thread_state;
  // The first one that this thread is not to record for certain.
  if (t.locks_left < kEveryLock / 2) t.locks_left = DrawAcquisitions();
  // On the thread's first call its countdown was only now drawn.
  if (lifecycle::Paused() || t.SpendLock()) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  t.locks_left = DrawAcquisitions();
  const uint64_t stack = call_stack::Take(stream);
  const auto address = reinterpret_cast<uint64_t>(lock);
  modules::Note(stream, address);
  stream->Put(LockAcquireRecord{api, path.begin(), address, stack, process::kAcquireInterval});
}

}  // namespace perfagent::lock
