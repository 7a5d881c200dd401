// lock_order: two threads that take two mutexes in opposite order.
//
//   lock_order deadlock           each has one and waits for the other's: says its truth, and never ends
//   lock_order inversion [PAIRS]  one after the other: nothing happens, this time
#include "lock_truth.h"

static pthread_mutex_t left_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t right_mutex = PTHREAD_MUTEX_INITIALIZER;

// ---- deadlock -------------------------------------------------------------------------------

static std::atomic<size_t> have_their_first;

static void TakeBoth(pthread_mutex_t* first, pthread_mutex_t* second) {
  Must(pthread_mutex_lock(first));
  ++have_their_first;
  Await([] { return have_their_first == 2; });
  Must(pthread_mutex_lock(second));
}

NAMED void WaitForRight() {
  TakeBoth(&left_mutex, &right_mutex);
  EndOfFrame();
}
NAMED void WaitForLeft() {
  TakeBoth(&right_mutex, &left_mutex);
  EndOfFrame();
}

static void Deadlock(int, char**) {
  Worker has_left("has-left", WaitForRight);
  Worker has_right("has-right", WaitForLeft);
  has_left.Call();
  has_right.Call();
  Await([&] { return has_left.IsAsleepOn(right_mutex) && has_right.IsAsleepOn(left_mutex); });
  std::printf(
      "truth lock=right_mutex waiter=WaitForRight thread=has-left owner=has-right "
      "lock=left_mutex waiter=WaitForLeft thread=has-right owner=has-left\n");
  std::fflush(stdout);
  has_left.AwaitReturn();
}

// ---- inversion ------------------------------------------------------------------------------

NAMED void LeftThenRight(size_t pairs) {
  for (; pairs > 0; --pairs) {
    Must(pthread_mutex_lock(&left_mutex));
    Must(pthread_mutex_lock(&right_mutex));
    Must(pthread_mutex_unlock(&right_mutex));
    Must(pthread_mutex_unlock(&left_mutex));
  }
  EndOfFrame();
}
NAMED void RightThenLeft(size_t pairs) {
  for (; pairs > 0; --pairs) {
    Must(pthread_mutex_lock(&right_mutex));
    Must(pthread_mutex_lock(&left_mutex));
    Must(pthread_mutex_unlock(&left_mutex));
    Must(pthread_mutex_unlock(&right_mutex));
  }
  EndOfFrame();
}

static void Inversion(int argc, char** argv) {
  const size_t pairs = Argument(argc, argv, 2, 200'000);
  {
    Worker one("left-first", [=] { LeftThenRight(pairs); });
    Worker other("right-first", [=] { RightThenLeft(pairs); });
    one.Call();
    one.AwaitReturn();
    other.Call();
    other.AwaitReturn();
  }
  std::printf(
      "truth lock=left_mutex then=right_mutex in=LeftThenRight pairs=%zu contended=0 wait_ns=0 "
      "lock=right_mutex then=left_mutex in=RightThenLeft pairs=%zu contended=0 wait_ns=0\n",
      pairs, pairs);
}

static const Case kCases[] = {{"deadlock", Deadlock}, {"inversion", Inversion}};

int main(int argc, char** argv) { return RunCase(kCases, argc, argv); }
