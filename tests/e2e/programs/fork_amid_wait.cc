// fork_amid_wait: a signal handler forks while its thread waits for a mutex, and the child goes on with the wait until it
// times out. Both print how the wait ended.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile pid_t child = -1;

static void Fork(int) { child = fork(); }

static timespec In(long ms) {
  timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_nsec += ms * 1'000'000;
  time.tv_sec += time.tv_nsec / 1'000'000'000;
  time.tv_nsec %= 1'000'000'000;
  return time;
}

static void Print(const char* who, int result) {
  std::printf("%s: %s\n", who, result == ETIMEDOUT ? "timed out" : "something else");
  std::fflush(stdout);
}

int main() {
  pthread_mutex_lock(&mutex);
  std::thread waiter([] {
    const timespec until = In(500);
    const int result = pthread_mutex_timedlock(&mutex, &until);
    free(malloc(100));
    if (child == 0) {
      Print("child", result);
      _exit(3);
    }
    int status = 0;
    if (waitpid(child, &status, 0) == child) std::printf("the child ended with %x\n", status);
    Print("parent", result);
  });
  usleep(100'000);
  signal(SIGUSR1, Fork);
  pthread_kill(waiter.native_handle(), SIGUSR1);
  waiter.join();
}
