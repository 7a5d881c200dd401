#include "agent/lifecycle.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "agent/agent_scope.h"
#include "agent/budget.h"
#include "agent/call_stack.h"
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/counters.h"
#include "agent/dump_writer.h"
#include "agent/live_filter.h"
#include "agent/live_set.h"
#include "agent/memory_use.h"
#include "agent/modules.h"
#include "agent/new_hooks.h"
#include "agent/process.h"
#include "agent/real.h"
#include "agent/record_lock.h"
#include "agent/sampler.h"
#include "agent/sandbox.h"
#include "agent/say.h"
#include "agent/sections.h"
#include "agent/shared_mapping.h"
#include "agent/stack_table.h"
#include "agent/stream.h"
#include "agent/sys.h"
#include "agent/text.h"
#include "agent/tickets.h"
#include "agent/unseen.h"
#include "agent/unwind/rule_table.h"
#include "agent/wait_table.h"

namespace perfagent {

constinit __thread ThreadState thread_state = {};

namespace lifecycle {

namespace {

enum class State : uint32_t { kIdle, kOn, kOff };
std::atomic<State> state{State::kIdle};
std::atomic<uint64_t> threads_seeded;
std::atomic<uint64_t> forks;
uint64_t lineage;  // of a forked child: which child of which parent
bool is_forked_child;

// The control words as last seen: a forked child cannot read its parent's header, and goes on as its parent did.
std::atomic<uint32_t> paused_seen;
std::atomic<uint64_t> interval_seen;

constexpr unsigned kLog2StacksSampled = 16;
constexpr unsigned kLog2StacksFull = 20;

// Stores only what is new: the line is shared by all threads.
template <typename T>
void Keep(T value, std::atomic<T>* seen) {
  if (seen->load(std::memory_order_relaxed) != value) seen->store(value, std::memory_order_relaxed);
}

// Countdowns of a thread that has nothing to record.
void Rest(ThreadState* t) {
  t->bytes_left = kNever;
  t->locks_left = kNoLocks;
}

// Countdowns that have ended for good, so that every call takes the slow path. When full mode goes on as sampling, each
// is drawn at the call that finds it so.
void EndCountdowns(ThreadState* t) {
  sampler::DrawCountdown(t, 0);
  t->locks_left = kEveryLock;
}

void LeaveOutUnwanted(ThreadState* t) {
  if (!config.heap) t->bytes_left = kNever;
  if (!config.locks) t->locks_left = kNoLocks;
}

// A thread's first countdowns.
void Seed(ThreadState* t) {
  const uint64_t number = threads_seeded.fetch_add(1);
  t->random = sampler::Scramble(process::Current().seed ^ lineage ^ sampler::Scramble(number)) | 1;
  t->wait_left_ticks = sampler::DrawGap(&t->random, clock::TicksOf(process::kWaitIntervalNs));
  if (budget::RecordsAll()) {
    EndCountdowns(t);
  } else {
    sampler::DrawCountdown(t, budget::Interval());
    t->locks_left = 0;  // the first acquisition draws the next
  }
  LeaveOutUnwanted(t);
}

// A forked child records everything again, whatever its parent's file had room for.
void RecordAllInChild(ThreadState* t) {
  if (config.heap) live_filter::WantEvery();
  EndCountdowns(t);
  LeaveOutUnwanted(t);
}

bool WantedHere() {
  if (config.mode == RunMode::kOff) return false;
  if (!MatchesPrograms(config.programs, process::Current().program)) return false;
  return !(config.ignore_children && process::AncestorIsRecorded());
}

bool MapTables() {
  if (!modules::Start() || !rule_table::Start()) return false;
  if (!wait_table::Start() || !tickets::Start()) return false;
  if (!stack_table::Start(FullMode() ? kLog2StacksFull : kLog2StacksSampled)) return false;
  return live_set::Start();
}

void OpenFilter() {
  if (!config.heap) return;
  if (!live_filter::MapGranules()) {
    // Without the filter frees would go unseen: better no heap recording than false leaks.
    config.heap = false;
    return;
  }
  if (FullMode()) {
    live_filter::WantEvery();
  } else {
    live_filter::WantTracked();
  }
}

// The program's own malloc comes before the agent's: what still arrives here is not its heap.
void LeaveHeapToBypass() {
  const char* bypass = process::Current().bypassed_by;
  if (*bypass == 0 || !config.heap) return;
  config.heap = false;
  Say(bypass, " defines malloc itself, before the agent: the heap is not recorded",
      config.locks ? ", locks are" : "");
}

void ReportLosses() {
  const uint64_t lost = counters::TotalEvents();
  if (lost == 0) return;
  Text<1024> causes;
#define PERFAGENT_LOSS_TEXT(id, name, help)                             \
  if (const uint64_t count = counters::Get(Loss::id); count != 0) {     \
    causes << (causes.size() != 0 ? ", " : "") << count << " " << help; \
  }
  PERFAGENT_LOSSES(PERFAGENT_LOSS_TEXT)
#undef PERFAGENT_LOSS_TEXT
  Say("lost ", lost, " events in ", std::string_view(dump_writer::Path()), ": ", causes.view());
}

void FinishAs(EndState how, int status) {
  AgentScope scope;
  if (!IsOn() || dump_writer::Header() == nullptr) return;
  if (scope && Enter()) {
    if (Stream* stream = thread_state.stream) {
      sections::FinishWait(stream);
      stream->DescribeThread();
      if (config.heap && how == EndState::kExited && !is_forked_child) unseen::ReportAll(stream);
      memory_use::NotePeak(stream);
      memory_use::NoteEnd(stream);
      stream->PutReading();
    }
  }
  budget::Finish();
  dump_writer::Close(how, status, clock::Now());
  ReportLosses();
  if (config.verbose) Say("wrote ", std::string_view(dump_writer::Path()));
}
// Registered before the loader registers its own finalizer, so it runs after all destructors of the program and its
// libraries, with the status given to exit.
void Finish(int status, void*) { FinishAs(EndState::kExited, status); }
void FinishQuickly() { FinishAs(EndState::kQuickExit, 0); }

void BeforeFork() {
  forks.fetch_add(1);
  if (sandbox::Entered() && dump_writer::Header() != nullptr) counters::Add(Loss::kQuietChild);
}

// The child's thread goes on from its parent's countdown: it must not repeat its parent's and its siblings' draws. A gap may be
// drawn anew at any moment that its end has no part in: the exponential has no memory.
void InForkedChild() {
  shared_mapping::CloseInChild();
  ThreadState& t = thread_state;
  lineage = sampler::Scramble(lineage ^ forks.load());
  if (!IsOn()) return;
  if (t.stream != nullptr) sections::Abandon(t.stream);
  if (FullMode()) RecordAllInChild(&t);
  if (t.random == 0) return;
  t.random = sampler::Scramble(t.random ^ lineage) | 1;
  if (config.heap && !FullMode()) sampler::DrawCountdown(&t, budget::IntervalInChild());
}

// Another thread opens the child's dump. That takes a millisecond; it may take for ever (a debugger, a longjmp out of it),
// and then the child goes unrecorded.
bool AwaitOpening() {
  constexpr uint64_t kLongestNs = 200000000;
  const uint64_t begin = clock::ReadNs(CLOCK_MONOTONIC);  // clock::Now is being set anew
  while (dump_writer::Header() == nullptr && state.load() == State::kOn) {
    if (clock::ReadNs(CLOCK_MONOTONIC) - begin > kLongestNs) state.store(State::kOff);
    sys::Call(SYS_sched_yield);
  }
  return state.load() == State::kOn;
}

// At a forked child's first event, not at the fork: most children exec at once, and would each leave an empty dump.
// What a child inherited names its parent's dump. Its tables were wiped by the kernel (MADV_WIPEONFORK); the rest is
// forgotten here.
bool RestartInChild() {
  if (!dump_writer::ClaimOpening()) return AwaitOpening();
  is_forked_child = true;
  streams::Forget();
  modules::Forget();
  unseen::Forget();
  if (config.ignore_children || sandbox::Entered()) {
    state.store(State::kOff);
    return false;
  }
  clock::StartInChild();
  process::GatherInChild();
  memory_use::StartInChild();
  if (!dump_writer::Open()) {
    state.store(State::kOff);
    return false;
  }
  dump_writer::Header()->paused.store(paused_seen.load());
  dump_writer::Header()->interval_request.store(interval_seen.load());
  budget::RestartInChild();
  lock::RestartInChild();
  if (FullMode()) RecordAllInChild(&thread_state);  // cloned, past the handler of fork
  return true;
}

void Start(char** environment) {
  AgentScope scope;
  clock::Start();
  real::Resolve();
  real::ResolveOptional();
  new_hooks::Bind();
  if (getauxval(AT_SECURE) != 0) {  // nothing of the environment is believed, nothing is written
    state.store(State::kOff);
    return;
  }
  RememberStandardError();
  ReadConfig(environment);
  process::Gather();
  if (!WantedHere() || !MapTables()) {
    state.store(State::kOff);
    return;
  }
  process::GatherAllocator();
  memory_use::Start();
  LeaveHeapToBypass();
  if (!dump_writer::Start() || !dump_writer::ClaimOpening() || !dump_writer::Open()) {
    state.store(State::kOff);
    return;
  }
  streams::Start();
  budget::Start();
  on_exit(Finish, nullptr);
  // Without these two the dump is whole, but not trimmed, and quiet children are not counted.
  static_cast<void>(at_quick_exit(FinishQuickly));
  static_cast<void>(pthread_atfork(BeforeFork, nullptr, InForkedChild));
  OpenFilter();
  state.store(State::kOn);
  if (config.verbose) Say("recording to ", std::string_view(dump_writer::Path()));
}

[[gnu::constructor]] void Constructor(int, char**, char** environment) { Start(environment); }

}  // namespace

bool FullMode() { return config.mode == RunMode::kFull; }

// Of a thread that has not been here yet, or of a process that is not recording.
[[gnu::noinline]] static bool EnterAnew(State now) {
  ThreadState& t = thread_state;
  if (now == State::kIdle) return false;
  if (now == State::kOff) {
    Rest(&t);
    return false;
  }
  if (dump_writer::Header() == nullptr && !RestartInChild()) {
    if (state.load() == State::kOff) Rest(&t);
    return false;
  }
  if (t.stream != nullptr && !streams::IsOfThisProcess(t.stream)) [[unlikely]] {
    sections::Abandon(t.stream);
    t.stream = nullptr;  // the thread that forked
  }
  if (t.random == 0) Seed(&t);
  return true;
}

bool Enter() {
  const ThreadState& t = thread_state;
  const State now = state.load(std::memory_order_acquire);
  const bool was_here = now == State::kOn && t.random != 0 && t.stream != nullptr &&
                        dump_writer::Header() != nullptr && streams::IsOfThisProcess(t.stream);
  return was_here || EnterAnew(now);
}

bool IsOn() { return state.load(std::memory_order_acquire) == State::kOn; }

void Refused() {
  if (IsOn() && thread_state.quiet == 0) counters::Add(Loss::kReentered);
}

void BeforeSandbox(sandbox::Rights rights) {
  if (!IsOn() || dump_writer::Header() == nullptr) return;
  clock::Freeze();
  streams::MakeReserve();
  if (rights >= sandbox::kNoCalls) dump_writer::MakeReserve();
}

uint64_t AskedInterval() {
  const uint64_t asked = dump_writer::Header()->interval_request.load(std::memory_order_relaxed);
  const bool allowed = asked >= kLeastInterval && asked <= kGreatestInterval;
  Keep(allowed ? asked : 0, &interval_seen);
  return allowed ? asked : 0;
}

bool Paused() {
  const bool paused = dump_writer::Header()->paused.load(std::memory_order_relaxed) == 1;
  Keep(uint32_t{paused}, &paused_seen);
  return paused;
}

}  // namespace lifecycle

}  // namespace perfagent
