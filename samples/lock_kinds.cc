// lock_kinds: waits that are no waits for a mutex's holder, and some that are.
//
//   lock_kinds CASE [ROUNDS]
//
//   idle       a consumer waits for work on a condition; its mutex is never contended
//   semaphore  two slots, both taken for a while in one function, and three threads that wait for one
//   spin       a spin lock, held asleep while another thread spins
//   robust     a robust mutex whose owner ends: its waiter gets EOWNERDEAD, and nobody released it
//   trylock    a mutex that is tried again and again
#include <semaphore.h>

#include <cerrno>
#include <deque>

#include "lock_truth.h"

static Ledger ledger;

static void PrintTruth(const char* lock) {
  std::printf("truth lock=%s", lock);
  ledger.Print();
}

// ---- idle -----------------------------------------------------------------------------------

static pthread_mutex_t queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_changed = PTHREAD_COND_INITIALIZER;
static bool has_work;

NAMED void Consume() {
  Must(pthread_mutex_lock(&queue_mutex));
  const uint64_t begin_ns = NowNs();
  while (!has_work) Must(pthread_cond_wait(&queue_changed, &queue_mutex));
  ledger.Waited(begin_ns, NowNs());
  has_work = false;
  Must(pthread_mutex_unlock(&queue_mutex));
  EndOfFrame();
}

// Wakes when the mutex is free again: the consumer takes it without waiting.
NAMED void Produce() {
  Must(pthread_mutex_lock(&queue_mutex));
  has_work = true;
  Must(pthread_mutex_unlock(&queue_mutex));
  ledger.Releases(__func__);
  Must(pthread_cond_signal(&queue_changed));
  EndOfFrame();
}

static void Idle(int argc, char** argv) {
  Worker consumer("consumer", Consume);
  for (size_t rounds = Argument(argc, argv, 2, 50); rounds > 0; --rounds) {
    consumer.CallUntilAsleepOn(queue_changed);
    Nap(3000);
    Produce();
    consumer.AwaitReturn();
  }
  PrintTruth("queue_changed");
  std::printf(" lock=queue_mutex contended=0 wait_ns=0\n");
}

// ---- semaphore ------------------------------------------------------------------------------

static sem_t slots;
static std::atomic<bool> slots_are_needed;

NAMED void WaitForSlot() {
  const uint64_t begin_ns = NowNs();
  Must(sem_wait(&slots));
  ledger.Waited(begin_ns, NowNs());
  ledger.Releases(__func__);
  Must(sem_post(&slots));
  EndOfFrame();
}

NAMED void UseSlot() {
  Must(sem_wait(&slots));
  Await([] { return slots_are_needed.load(); });
  Nap(2000);
  ledger.Releases(__func__);
  Must(sem_post(&slots));
  EndOfFrame();
}

static bool AllSlotsAreTaken() {
  int free_slots = 0;
  Must(sem_getvalue(&slots, &free_slots));
  return free_slots == 0;
}

static void Semaphore(int argc, char** argv) {
  Must(sem_init(&slots, 0, 2));
  Worker users[] = {{"user-0", UseSlot}, {"user-1", UseSlot}};
  Worker waiters[] = {
      {"waiter-0", WaitForSlot}, {"waiter-1", WaitForSlot}, {"waiter-2", WaitForSlot}};
  for (size_t rounds = Argument(argc, argv, 2, 50); rounds > 0; --rounds) {
    slots_are_needed = false;
    for (Worker& user : users) user.Call();
    Await(AllSlotsAreTaken);
    for (Worker& waiter : waiters) waiter.CallUntilAsleepOn(slots);
    slots_are_needed = true;
    for (const Worker& user : users) user.AwaitReturn();
    for (const Worker& waiter : waiters) waiter.AwaitReturn();
  }
  PrintTruth("slots");
  std::printf("\n");
}

// ---- spin -----------------------------------------------------------------------------------

static pthread_spinlock_t hot_spin;

NAMED void SpinForLock() {
  const uint64_t begin_ns = NowNs();
  Must(pthread_spin_lock(&hot_spin));
  ledger.Waited(begin_ns, NowNs());
  ledger.Releases(__func__);
  Must(pthread_spin_unlock(&hot_spin));
  EndOfFrame();
}

// That it spins is seen by the CPU time it burns, more than all before the call would take.
NAMED void HoldSpinLock(Worker* spins) {
  Must(pthread_spin_lock(&hot_spin));
  const uint64_t before_ns = spins->RunningNs();
  spins->Call();
  Await([&] { return spins->RunningNs() > before_ns + 1'000'000; });
  Nap(1000);
  ledger.Releases(__func__);
  Must(pthread_spin_unlock(&hot_spin));
  EndOfFrame();
}

static void Spin(int argc, char** argv) {
  Must(pthread_spin_init(&hot_spin, PTHREAD_PROCESS_PRIVATE));
  Worker spins("spins", SpinForLock);
  for (size_t rounds = Argument(argc, argv, 2, 40); rounds > 0; --rounds) {
    HoldSpinLock(&spins);
    spins.AwaitReturn();
  }
  PrintTruth("hot_spin");
  std::printf("\n");
}

// ---- robust ---------------------------------------------------------------------------------

static pthread_mutex_t robust_mutex;
static std::atomic<bool> robust_is_held;
static std::atomic<bool> owner_may_end;

NAMED void EndAsOwner() {
  Must(pthread_mutex_lock(&robust_mutex));
  robust_is_held = true;
  Await([] { return owner_may_end.load(); });
  EndOfFrame();
}

NAMED void InheritMutex() {
  const uint64_t begin_ns = NowNs();
  if (pthread_mutex_lock(&robust_mutex) != EOWNERDEAD) std::abort();
  ledger.Waited(begin_ns, NowNs());
  Must(pthread_mutex_consistent(&robust_mutex));
  Must(pthread_mutex_unlock(&robust_mutex));
  EndOfFrame();
}

static void Robust(int argc, char** argv) {
  pthread_mutexattr_t attributes;
  Must(pthread_mutexattr_init(&attributes));
  Must(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
  Must(pthread_mutex_init(&robust_mutex, &attributes));
  Worker heir("heir", InheritMutex);
  for (size_t rounds = Argument(argc, argv, 2, 30); rounds > 0; --rounds) {
    robust_is_held = owner_may_end = false;
    std::thread owner(EndAsOwner);
    Await([] { return robust_is_held.load(); });
    heir.CallUntilAsleepOn(robust_mutex);
    Nap(2000);
    owner_may_end = true;
    owner.join();
    heir.AwaitReturn();
  }
  PrintTruth("robust_mutex");
  std::printf("\n");
}

// ---- trylock --------------------------------------------------------------------------------

static pthread_mutex_t polled_mutex = PTHREAD_MUTEX_INITIALIZER;
static std::atomic<size_t> refused_tries;

NAMED void PollForMutex() {
  while (pthread_mutex_trylock(&polled_mutex) == EBUSY) {
    ++refused_tries;
    Nap(20);
  }
  Must(pthread_mutex_unlock(&polled_mutex));
  EndOfFrame();
}

NAMED void HoldPolledMutex(Worker* polls) {
  Must(pthread_mutex_lock(&polled_mutex));
  const size_t before = refused_tries;
  polls->Call();
  Await([before] { return refused_tries >= before + 10; });
  Must(pthread_mutex_unlock(&polled_mutex));
  EndOfFrame();
}

static void Trylock(int argc, char** argv) {
  Worker polls("polls", PollForMutex);
  for (size_t rounds = Argument(argc, argv, 2, 50); rounds > 0; --rounds) {
    HoldPolledMutex(&polls);
    polls.AwaitReturn();
  }
  std::printf(
      "truth lock=polled_mutex contended=0 wait_ns=0 refused_tries=%zu poller=PollForMutex\n",
      refused_tries.load());
}

static const Case kCases[] = {{"idle", Idle},
                              {"semaphore", Semaphore},
                              {"spin", Spin},
                              {"robust", Robust},
                              {"trylock", Trylock}};

int main(int argc, char** argv) { return RunCase(kCases, argc, argv); }
