// absl_mutex: waits for a mutex of Abseil's, which sleeps in futex on a word of the waiting thread's own.
//
//   absl_mutex [ROUNDS]
#include "absl/base/const_init.h"
#include "absl/synchronization/mutex.h"
#include "lock_truth.h"

static absl::Mutex absl_mutex(absl::kConstInit);
static Ledger ledger;

NAMED void WaitForAbslMutex() {
  const uint64_t begin_ns = NowNs();
  absl_mutex.Lock();
  ledger.Waited(begin_ns, NowNs());
  ledger.Releases(__func__);
  absl_mutex.Unlock();
  EndOfFrame();
}

NAMED void HoldAbslMutex(Worker* waiter) {
  absl_mutex.Lock();
  waiter->CallUntilAsleep();
  Nap(2000);
  ledger.Releases(__func__);
  absl_mutex.Unlock();
  EndOfFrame();
}

int main(int argc, char** argv) {
  {
    Worker waiter("waiter", WaitForAbslMutex);
    for (size_t rounds = Argument(argc, argv, 1, 50); rounds > 0; --rounds) {
      HoldAbslMutex(&waiter);
      waiter.AwaitReturn();
    }
  }
  std::printf("truth lock=absl_mutex waiter=WaitForAbslMutex");
  ledger.Print();
  std::printf("\n");
}
