// child_threads THREADS: a forked child whose first allocations are those of other threads than the one that forked, all at
// once. They get stacks that libc has kept since the parent's threads ended, so that starting them allocates nothing.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples/truth.h"

NAMED void Allocate(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    void* p = std::malloc(100);
    Escape(p);
    std::free(p);
  }
  EndOfFrame();
}

static pthread_barrier_t start;

static void* AllocateInThread(void*) {
  pthread_barrier_wait(&start);
  Allocate(1000);
  return nullptr;
}

static void RunThreads(size_t count) {
  constexpr size_t kMost = 4;  // as many stacks as libc keeps
  pthread_t threads[kMost];
  if (count > kMost) std::abort();
  pthread_barrier_init(&start, nullptr, static_cast<unsigned>(count));
  for (size_t i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], nullptr, AllocateInThread, nullptr) != 0) std::abort();
  }
  for (size_t i = 0; i < count; ++i) pthread_join(threads[i], nullptr);
}

int main(int argc, char** argv) {
  const size_t threads = Argument(argc, argv, 1, 1);
  Allocate(10);
  RunThreads(threads);
  const pid_t child = fork();
  if (child == 0) {
    RunThreads(threads);
    Allocate(20);
    return 3;
  }
  int status = 0;
  waitpid(child, &status, 0);
  std::printf("child ended with status %d, signal %d\n", WEXITSTATUS(status), WTERMSIG(status));
}
