#include "agent/record_lock.h"

#include <cerrno>

#include "agent/agent_scope.h"
#include "agent/call_stack.h"
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/lifecycle.h"
#include "agent/modules.h"
#include "agent/process.h"
#include "agent/sampler.h"

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

}  // namespace

Wait BeginWait() {
  AgentScope scope;
  if (!scope || !lifecycle::Enter() || !config.locks) return {0, 0};
  uint64_t stack = 0;
  if (lifecycle::FullMode() && !lifecycle::Paused()) {
    if (Stream* stream = streams::Current())
      stack = call_stack::Take(stream, whole_walk::Capture());
  }
  return {clock::Now(), stack};
}

void EndWait(LockApi api, const void* lock, uint64_t caller, const Wait& wait, int result) {
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (wait.begin == 0 || !WasWait(result) || !lifecycle::Enter() || lifecycle::Paused()) return;
  const uint64_t wait_ticks = clock::Since(wait.begin);
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  const auto address = reinterpret_cast<uint64_t>(lock);
  stream->SumWait(address, caller, wait_ticks);
  uint64_t stack = wait.stack;
  if (!lifecycle::FullMode()) {
    if (!ChargeWait(wait_ticks)) return;
    stack = call_stack::Take(stream, whole_walk::Capture());
  }
  modules::Note(stream, address);
  stream->Put(
      LockWaitRecord{api, static_cast<uint64_t>(result), wait.begin, wait_ticks, address, stack});
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
  t.locks_left = sampler::DrawGap(&t.random, process::kAcquireInterval);
  const uint64_t now = clock::Now();
  const uint64_t stack = call_stack::Take(stream, whole_walk::Capture());
  const auto address = reinterpret_cast<uint64_t>(lock);
  modules::Note(stream, address);
  stream->Put(LockAcquireRecord{api, now, address, stack});
}

}  // namespace perfagent::lock
