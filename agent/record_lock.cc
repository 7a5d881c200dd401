#include "agent/record_lock.h"

#include <cerrno>

#include "agent/agent_scope.h"
#include "agent/call_stack.h"
#include "agent/config.h"
#include "agent/lifecycle.h"
#include "agent/modules.h"
#include "agent/process.h"
#include "agent/sampler.h"
#include "agent/wait_table.h"

namespace perfagent::lock {

namespace {

// Charges a wait to the thread's countdown of waiting time. True: its event is kept.
bool ChargeWait(uint64_t wait_ns) {
  ThreadState& t = thread_state;
  if (t.wait_left_ns > wait_ns) {
    t.wait_left_ns -= wait_ns + 1;
    return false;
  }
  t.wait_left_ns = sampler::DrawGap(&t.random, process::kWaitIntervalNs);
  return true;
}

// EDEADLK, EINVAL and the like come back at once: nobody was waited for.
bool WasWait(int result) { return result == 0 || result == EOWNERDEAD || result == ETIMEDOUT; }

}  // namespace

Wait BeginWait(const void* lock) {
  AgentScope scope;
  if (!scope || !lifecycle::Enter() || !config.locks) return {0, 0};
  // Before the stack is walked: whoever releases the lock meanwhile is to see it.
  wait_table::Publish(lock);
  uint64_t stack = 0;
  if (lifecycle::FullMode() && !lifecycle::Paused()) {
    if (Stream* stream = streams::Current())
      stack = call_stack::Take(stream, whole_walk::Capture());
  }
  return {process::NowNs(), stack};
}

void EndWait(LockApi api, const void* lock, uint64_t caller, const Wait& wait, int result) {
  if (wait.begin_ns == 0) return;
  const uint64_t wait_ns = process::NowNs() - wait.begin_ns;
  wait_table::Clear(lock);
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (!WasWait(result) || !lifecycle::Enter() || lifecycle::Paused()) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const auto address = reinterpret_cast<uint64_t>(lock);
  stream->SumWait(api, address, caller, wait_ns);
  uint64_t stack = wait.stack;
  if (!lifecycle::FullMode()) {
    if (!ChargeWait(wait_ns)) return;
    stack = call_stack::Take(stream, whole_walk::Capture());
  }
  modules::Note(stream, address);
  stream->Put(
      LockWaitRecord{api, static_cast<uint64_t>(result), wait.begin_ns, wait_ns, address, stack});
}

bool IsAwaited(const void* lock) {
  AgentScope scope;
  if (!scope || !lifecycle::Enter() || lifecycle::Paused()) return false;
  return wait_table::IsWaitedFor(lock);
}

void RecordRelease(LockApi api, const void* lock, uint64_t caller) {
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (!lifecycle::Enter()) return;
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const auto address = reinterpret_cast<uint64_t>(lock);
  stream->SumRelease(api, address, caller);
}

void RecordAcquisition(LockApi api, const void* lock) {
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (!lifecycle::Enter() || lifecycle::Paused()) return;
  ThreadState& t = thread_state;
  if (t.SpendLock()) return;  // the thread's first call: its countdown was only now drawn
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  if (lifecycle::FullMode()) {
    stream->CountAcquisition();
    return;
  }
  t.locks_left = static_cast<int64_t>(sampler::DrawGap(&t.random, process::kAcquireInterval));
  const uint64_t now = process::NowNs();
  const uint64_t stack = call_stack::Take(stream, whole_walk::Capture());
  const auto address = reinterpret_cast<uint64_t>(lock);
  modules::Note(stream, address);
  stream->Put(LockAcquireRecord{api, now, address, stack});
}

}  // namespace perfagent::lock
