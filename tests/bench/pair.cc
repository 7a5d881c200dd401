// pair: nanoseconds per malloc/free or lock/unlock pair, as a program under a preloaded tool sees them.
//
//   pair WORK THREADS wall|cpu MILLISECONDS   works for so long after half as long of warm-up; prints one number
//   pair WORK THREADS count PAIRS             makes so many pairs after a warm-up, in Counted(); prints nothing
//
// wall: as time goes by. cpu: the threads' own time, which leaves out what else the machine does, and all waiting.
// THREADS 0: in the main thread, and the process has no other; N: in N threads beside it.
// Each thread works until its tool is past its beginning, in which more is recorded than later, waits for the others, and
// is timed from then on.

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

// One thread's work: called again and again with a number of pairs to make.
using Work = std::function<void(long)>;

constexpr long kBatch = 10000;
constexpr long kWarmUpPairs = 200000;
// Enough for what is begun by a number of pairs, and for the first of the followed locks; counting is slow.
constexpr long kWarmUpCounted = 120000;

void* volatile sink;

// One block of 64 bytes, made and freed.
[[gnu::noinline]] void Allocate(long pairs) {
  for (long i = 0; i < pairs; ++i) {
    void* block = malloc(64);
    sink = block;
    free(block);
  }
}

// Up to four more frames, other ones at each turn: in programs two events in a row seldom share their whole stack.
[[gnu::noinline]] void* MakeBelow(long frames) {
  void* block = frames == 0 ? malloc(64) : MakeBelow(frames - 1);
  asm volatile("");
  return block;
}

[[gnu::noinline]] void FreeBelow(void* block, long frames) {
  if (frames == 0) {
    free(block);
  } else {
    FreeBelow(block, frames - 1);
  }
  asm volatile("");
}

[[gnu::noinline]] void Vary(long pairs) {
  for (long i = 0; i < pairs; ++i) {
    void* block = MakeBelow(i % 5);
    sink = block;
    FreeBelow(block, i * 7 % 4);
  }
}

// The same work under more frames.
[[gnu::noinline]] void Deep(void (*work)(long), long pairs, int frames) {
  if (frames == 0) {
    work(pairs);
  } else {
    Deep(work, pairs, frames - 1);
  }
  asm volatile("");
}

// Replaces blocks of 16 to 1039 bytes at random: a pair is the free of one and the malloc of the next.
class Mix {
 public:
  explicit Mix(size_t blocks) : blocks_(blocks) {
    for (void*& block : blocks_) block = malloc(Size());
  }

  void operator()(long pairs) {
    for (long i = 0; i < pairs; ++i) {
      void*& block = blocks_[(random_ >> 32) % blocks_.size()];
      free(block);
      block = malloc(Size());
    }
  }

 private:
  size_t Size() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return 16 + random_ % 1024;
  }

  uint64_t random_ = 88172645463325252;
  std::vector<void*> blocks_;
};

void Lock(pthread_mutex_t* mutex, long pairs) {
  for (long i = 0; i < pairs; ++i) {
    pthread_mutex_lock(mutex);
    asm volatile("" ::: "memory");
    pthread_mutex_unlock(mutex);
  }
}

void ReadLock(pthread_rwlock_t* lock, long pairs) {
  for (long i = 0; i < pairs; ++i) {
    pthread_rwlock_rdlock(lock);
    asm volatile("" ::: "memory");
    pthread_rwlock_unlock(lock);
  }
}

// As long inside the lock as outside: with two threads, each often finds it held.
void Contend(pthread_mutex_t* mutex, long pairs) {
  constexpr int kTurns = 50;
  static volatile uint64_t shared;
  for (long i = 0; i < pairs; ++i) {
    pthread_mutex_lock(mutex);
    for (int turn = 0; turn < kTurns; ++turn) shared = shared + 1;
    pthread_mutex_unlock(mutex);
    for (int turn = 0; turn < kTurns; ++turn) asm volatile("pause");
  }
}

// Makes the work of one thread.
const std::map<std::string, Work (*)()> kWorks = {
    {"alloc", [] { return Work(Allocate); }},
    {"deep", [] { return Work([](long pairs) { Deep(Allocate, pairs, 30); }); }},
    {"vary", [] { return Work([](long pairs) { Deep(Vary, pairs, 30); }); }},
    {"mix", [] { return Work(Mix(1024)); }},
    // 66 MiB.
    {"heap", [] { return Work(Mix(131072)); }},
    {"lock",
     [] {
       return Work([mutex = pthread_mutex_t PTHREAD_MUTEX_INITIALIZER](long pairs) mutable {
         Lock(&mutex, pairs);
       });
     }},
    {"rwlock",
     [] {
       return Work([lock = pthread_rwlock_t PTHREAD_RWLOCK_INITIALIZER](long pairs) mutable {
         ReadLock(&lock, pairs);
       });
     }},
    {"contended",
     [] {
       static pthread_mutex_t shared = PTHREAD_MUTEX_INITIALIZER;
       return Work([](long pairs) { Contend(&shared, pairs); });
     }},
};

// Nanoseconds of a clock.
double Now(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Works in batches until `pairs` and the time are both reached; nanoseconds of the clock per pair.
double WorkFor(const Work& work, long pairs, double time_ns, clockid_t clock) {
  const double begin = Now(CLOCK_MONOTONIC), clock_begin = Now(clock);
  long done = 0;
  do {
    work(kBatch);
    done += kBatch;
  } while (done < pairs || Now(CLOCK_MONOTONIC) - begin < time_ns);
  return (Now(clock) - clock_begin) / static_cast<double>(done);
}

double Measure(Work (*make)(), int threads, double time_ns, clockid_t clock) {
  std::vector<double> costs(static_cast<size_t>(std::max(threads, 1)));
  std::barrier together(static_cast<ptrdiff_t>(costs.size()));
  const auto measure = [&](double* cost) {
    const Work work = make();
    WorkFor(work, kWarmUpPairs, time_ns / 2, clock);
    together.arrive_and_wait();
    *cost = WorkFor(work, 0, time_ns, clock);
  };
  if (threads == 0) {
    measure(&costs[0]);
  } else {
    std::vector<std::thread> running;
    for (double& cost : costs) running.emplace_back(measure, &cost);
    for (std::thread& thread : running) thread.join();
  }
  double sum = 0;
  for (const double cost : costs) sum += cost;
  return sum / static_cast<double>(costs.size());
}

[[gnu::noinline]] void Counted(const Work& work, long pairs) { work(pairs); }

void Count(Work (*make)(), int threads, long pairs) {
  const auto count = [&] {
    const Work work = make();
    work(kWarmUpCounted);
    Counted(work, pairs);
  };
  if (threads == 0) return count();
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) running.emplace_back(count);
  for (std::thread& thread : running) thread.join();
}

}  // namespace

int main(int argc, char** argv) {
  const auto work = argc == 5 ? kWorks.find(argv[1]) : kWorks.end();
  const std::string how = argc == 5 ? argv[3] : "";
  if (work == kWorks.end() || (how != "wall" && how != "cpu" && how != "count")) {
    fprintf(
        stderr,
        "usage: pair alloc|deep|vary|mix|heap|lock|rwlock|contended THREADS wall|cpu MILLISECONDS\n"
        "       pair alloc|deep|vary|mix|heap|lock|rwlock|contended THREADS count PAIRS\n");
    return 2;
  }
  const int threads = atoi(argv[2]);
  const long amount = atol(argv[4]);
  if (how == "count") {
    Count(work->second, threads, amount);
    return 0;
  }
  const clockid_t clock = how == "cpu" ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  printf("%.2f\n", Measure(work->second, threads, static_cast<double>(amount) * 1e6, clock));
}
