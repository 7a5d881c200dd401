// posts: a handler posts a semaphore, five thousand times a second, whatever its thread is doing then: libc's own work, the
// agent's, a wait. Another thread waits for each post. Prints how many it got.
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

static constexpr int kPosts = 2000;
static sem_t posted, never;
static std::atomic<int> posts, wrong;

static void Post(int) {
  const int before = errno;
  if (posts.fetch_add(1) < kPosts) wrong += sem_post(&posted) != 0;
  wrong += errno != before;
}

static void* Take(void*) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  for (int i = 0; i < kPosts; ++i) wrong += sem_wait(&posted) != 0;
  return nullptr;
}

int main() {
  sem_init(&posted, 0, 0);
  sem_init(&never, 0, 0);
  pthread_t taker;
  if (pthread_create(&taker, nullptr, Take, nullptr) != 0) return 2;
  signal(SIGALRM, Post);
  const itimerval timer = {{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &timer, nullptr);
  const timespec past = {1, 0};
  while (posts < kPosts) {
    std::free(std::malloc(100));
    wrong += sem_timedwait(&never, &past) == 0;
  }
  const itimerval stop = {};
  setitimer(ITIMER_REAL, &stop, nullptr);
  pthread_join(taker, nullptr);
  std::printf("wrong: %d\n", wrong.load());
}
