// lock_holders: who keeps others from a lock, where that is not simply the last who released it.
//
//   lock_holders CASE [ROUNDS]
//
//   one      one holder sleeps for a millisecond with the mutex, three threads wait for it
//   two      waits over two sections, a long one of one function and then a short one of another
//   convoy   four threads hand a mutex on and on: none but the first ever finds it free
//   chain    one waits for a mutex whose holder waits for another mutex
//   mixed    two writers wait, for a reader and then one for the other
//   readers  a writer waits while readers relieve one another: long ones, and last a short one
#include <deque>

#include "lock_truth.h"

static pthread_mutex_t hot_mutex = PTHREAD_MUTEX_INITIALIZER;
static Ledger hot_ledger;

static void PrintHot() {
  std::printf("truth lock=hot_mutex");
  hot_ledger.Print();
  std::printf("\n");
}

// Where waits are timed, and end.
NAMED void WaitForHotMutex() {
  const uint64_t begin_ns = NowNs();
  Must(pthread_mutex_lock(&hot_mutex));
  hot_ledger.Waited(begin_ns, NowNs());
  hot_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&hot_mutex));
  EndOfFrame();
}

// Threads neither move nor are copied.
static std::deque<Worker> Waiters(size_t count) {
  std::deque<Worker> waiters;
  for (size_t i = 0; i < count; ++i) {
    waiters.emplace_back("waiter-" + std::to_string(i), WaitForHotMutex);
  }
  return waiters;
}

// ---- one ------------------------------------------------------------------------------------

NAMED void HoldForAMillisecond(std::deque<Worker>* waiters) {
  Must(pthread_mutex_lock(&hot_mutex));
  for (Worker& waiter : *waiters) waiter.CallUntilAsleepOn(hot_mutex);
  Nap(1000);
  hot_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&hot_mutex));
  EndOfFrame();
}

static void One(int argc, char** argv) {
  std::deque<Worker> waiters = Waiters(3);
  for (size_t rounds = Argument(argc, argv, 2, 60); rounds > 0; --rounds) {
    HoldForAMillisecond(&waiters);
    for (const Worker& waiter : waiters) waiter.AwaitReturn();
  }
  PrintHot();
}

// ---- two ------------------------------------------------------------------------------------

constexpr size_t kLongUs = 4500, kShortUs = 500;

NAMED void HoldShort() {
  const uint64_t begin_ns = NowNs();
  Must(pthread_mutex_lock(&hot_mutex));
  hot_ledger.Waited(begin_ns, NowNs());
  Nap(kShortUs);
  hot_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&hot_mutex));
  EndOfFrame();
}

// Futex wakes in the order in which threads fell asleep: HoldShort is next.
NAMED void HoldLong(Worker* holds_short, std::deque<Worker>* waiters) {
  Must(pthread_mutex_lock(&hot_mutex));
  holds_short->CallUntilAsleepOn(hot_mutex);
  for (Worker& waiter : *waiters) waiter.CallUntilAsleepOn(hot_mutex);
  Nap(kLongUs);
  hot_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&hot_mutex));
  EndOfFrame();
}

static void Two(int argc, char** argv) {
  Worker holds_short("holds-short", HoldShort);
  std::deque<Worker> waiters = Waiters(3);
  for (size_t rounds = Argument(argc, argv, 2, 30); rounds > 0; --rounds) {
    HoldLong(&holds_short, &waiters);
    holds_short.AwaitReturn();
    for (const Worker& waiter : waiters) waiter.AwaitReturn();
  }
  PrintHot();
}

// ---- convoy ---------------------------------------------------------------------------------

static std::deque<Worker> convoy;
static std::atomic<size_t> sections;
static std::atomic<size_t> members_left;

// All but the one that has it sleep on the mutex, or have left for good.
static bool OthersWait() {
  size_t asleep = 0;
  for (const Worker& member : convoy) asleep += member.IsAsleepOn(hot_mutex);
  return asleep + 1 == members_left;
}

// Which section it was.
NAMED size_t TakeTurn(bool is_last) {
  const uint64_t begin_ns = NowNs();
  Must(pthread_mutex_lock(&hot_mutex));
  const uint64_t end_ns = NowNs();
  const size_t mine = ++sections;
  if (mine != 1) hot_ledger.Waited(begin_ns, end_ns);
  Await(OthersWait);
  Nap(200);
  if (is_last) --members_left;
  hot_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&hot_mutex));
  EndOfFrame();
  return mine;
}

static void March(size_t rounds) {
  Await([] { return members_left == convoy.size(); });
  for (; rounds > 0; --rounds) {
    const size_t mine = TakeTurn(rounds == 1);
    // Not before the next one has it: a thread that runs would overtake one that is woken.
    if (rounds > 1) Await([mine] { return sections > mine; });
  }
}

static void Convoy(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 2, 60);
  constexpr size_t kMembers = 4;
  for (size_t i = 0; i < kMembers; ++i) {
    convoy.emplace_back("convoy-" + std::to_string(i), [rounds] { March(rounds); });
  }
  members_left = kMembers;
  for (Worker& member : convoy) member.Call();
  for (const Worker& member : convoy) member.AwaitReturn();
  convoy.clear();
  PrintHot();
}

// ---- chain ----------------------------------------------------------------------------------

static pthread_mutex_t outer_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t inner_mutex = PTHREAD_MUTEX_INITIALIZER;
static Ledger outer_ledger;
static Ledger inner_ledger;

NAMED void WaitForOuter() {
  const uint64_t begin_ns = NowNs();
  Must(pthread_mutex_lock(&outer_mutex));
  outer_ledger.Waited(begin_ns, NowNs());
  outer_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&outer_mutex));
  EndOfFrame();
}

NAMED void HoldOuterAndWait() {
  Must(pthread_mutex_lock(&outer_mutex));
  const uint64_t begin_ns = NowNs();
  Must(pthread_mutex_lock(&inner_mutex));
  inner_ledger.Waited(begin_ns, NowNs());
  inner_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&inner_mutex));
  outer_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&outer_mutex));
  EndOfFrame();
}

NAMED void HoldInner(Worker* holds_outer, Worker* waits_for_outer) {
  Must(pthread_mutex_lock(&inner_mutex));
  holds_outer->CallUntilAsleepOn(inner_mutex);
  waits_for_outer->CallUntilAsleepOn(outer_mutex);
  Nap(3000);
  inner_ledger.Releases(__func__);
  Must(pthread_mutex_unlock(&inner_mutex));
  EndOfFrame();
}

static void Chain(int argc, char** argv) {
  Worker holds_outer("holds-outer", HoldOuterAndWait);
  Worker waits_for_outer("waits-for-outer", WaitForOuter);
  for (size_t rounds = Argument(argc, argv, 2, 40); rounds > 0; --rounds) {
    HoldInner(&holds_outer, &waits_for_outer);
    holds_outer.AwaitReturn();
    waits_for_outer.AwaitReturn();
  }
  std::printf("truth lock=outer_mutex");
  outer_ledger.Print();
  std::printf(" lock=inner_mutex");
  inner_ledger.Print();
  std::printf("\n");
}

// ---- readers --------------------------------------------------------------------------------

static pthread_rwlock_t hot_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static std::atomic<size_t> readers_begun;

NAMED void WriteOnce() {
  const uint64_t begin_ns = NowNs();
  Must(pthread_rwlock_wrlock(&hot_rwlock));
  hot_ledger.Waited(begin_ns, NowNs());
  hot_ledger.Releases(__func__);
  Must(pthread_rwlock_unlock(&hot_rwlock));
  EndOfFrame();
}

// Until the next one reads, too: the lock is never free.
NAMED void ReadLong() {
  Must(pthread_rwlock_rdlock(&hot_rwlock));
  const size_t mine = ++readers_begun;
  Await([mine] { return readers_begun > mine; });
  hot_ledger.Releases(__func__);
  Must(pthread_rwlock_unlock(&hot_rwlock));
  EndOfFrame();
}

NAMED void ReadShort() {
  Must(pthread_rwlock_rdlock(&hot_rwlock));
  ++readers_begun;
  Nap(kShortUs);
  hot_ledger.Releases(__func__);
  Must(pthread_rwlock_unlock(&hot_rwlock));
  EndOfFrame();
}

static void Begin(Worker* reader) {
  reader->AwaitReturn();
  const size_t before = readers_begun;
  reader->Call();
  Await([before] { return readers_begun > before; });
}

static void Readers(int argc, char** argv) {
  Worker writer("writer", WriteOnce);
  Worker readers[] = {{"reader-0", ReadLong}, {"reader-1", ReadLong}, {"reader-2", ReadLong}};
  Worker last("reader-last", ReadShort);
  for (size_t rounds = Argument(argc, argv, 2, 30); rounds > 0; --rounds) {
    bool is_first = true;
    for (Worker& reader : readers) {
      Begin(&reader);
      if (is_first) writer.CallUntilAsleepOn(hot_rwlock);
      is_first = false;
      Nap(kLongUs / std::size(readers));
    }
    Begin(&last);
    for (const Worker& reader : readers) reader.AwaitReturn();
    last.AwaitReturn();
    writer.AwaitReturn();
  }
  std::printf("truth lock=hot_rwlock");
  hot_ledger.Print();
  std::printf("\n");
}

// ---- mixed ----------------------------------------------------------------------------------

NAMED void WriteSlowly() {
  const uint64_t begin_ns = NowNs();
  Must(pthread_rwlock_wrlock(&hot_rwlock));
  hot_ledger.Waited(begin_ns, NowNs());
  Nap(1500);
  hot_ledger.Releases(__func__);
  Must(pthread_rwlock_unlock(&hot_rwlock));
  EndOfFrame();
}

NAMED void ReadBeforeWriters(std::deque<Worker>* writers) {
  Must(pthread_rwlock_rdlock(&hot_rwlock));
  for (Worker& writer : *writers) writer.CallUntilAsleepOn(hot_rwlock);
  Nap(2000);
  hot_ledger.Releases(__func__);
  Must(pthread_rwlock_unlock(&hot_rwlock));
  EndOfFrame();
}

static void Mixed(int argc, char** argv) {
  std::deque<Worker> writers;
  for (const char* name : {"writer-0", "writer-1"}) writers.emplace_back(name, WriteSlowly);
  for (size_t rounds = Argument(argc, argv, 2, 30); rounds > 0; --rounds) {
    ReadBeforeWriters(&writers);
    for (const Worker& writer : writers) writer.AwaitReturn();
  }
  std::printf("truth lock=hot_rwlock");
  hot_ledger.Print();
  std::printf("\n");
}

static const Case kCases[] = {{"one", One},     {"two", Two},     {"convoy", Convoy},
                              {"chain", Chain}, {"mixed", Mixed}, {"readers", Readers}};

int main(int argc, char** argv) { return RunCase(kCases, argc, argv); }
