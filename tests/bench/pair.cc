// pair: nanoseconds per malloc/free or lock/unlock pair, as a program under a preloaded agent sees them.
//
//   pair alloc|deep|lock THREADS PAIRS      prints one number
//
// alloc: one block of 64 bytes, made and freed. deep: the same under 30 frames. lock: an uncontended mutex per thread.

#include <pthread.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

namespace {

void* volatile sink;

[[gnu::noinline]] void Allocate(long pairs) {
  for (long i = 0; i < pairs; ++i) {
    void* block = malloc(64);
    sink = block;
    free(block);
  }
}

[[gnu::noinline]] void Deep(long pairs, int depth) {
  if (depth == 0) {
    Allocate(pairs);
  } else {
    Deep(pairs, depth - 1);
  }
  asm volatile("");
}

[[gnu::noinline]] void Lock(long pairs) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  for (long i = 0; i < pairs; ++i) {
    pthread_mutex_lock(&mutex);
    asm volatile("" ::: "memory");
    pthread_mutex_unlock(&mutex);
  }
}

void Run(std::string_view what, long pairs) {
  constexpr int kDepth = 30;
  if (what == "lock") {
    Lock(pairs);
  } else if (what == "deep") {
    Deep(pairs, kDepth);
  } else {
    Allocate(pairs);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: pair alloc|deep|lock THREADS PAIRS\n");
    return 2;
  }
  const std::string_view what = argv[1];
  const int threads = atoi(argv[2]);
  const long pairs = atol(argv[3]);
  Run(what, pairs / 20 + 1);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) running.emplace_back(Run, what, pairs);
  for (std::thread& thread : running) thread.join();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
  printf("%.2f\n", took.count() / static_cast<double>(pairs));
}
