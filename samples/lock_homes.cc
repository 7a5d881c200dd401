// lock_homes: locks that no symbol and no block of the heap names, but the place where they lie.
//
//   lock_homes CASE [ROUNDS]
//
//   lent       a mutex on the stack of a thread that lends it to others, and waits for them
//   own        the same, and the thread itself waits for it, too
//   reused     two functions' mutexes, one after the other at the same place of one thread's stack
//   file       two processes wait for a mutex in a file that each has mapped elsewhere
//   anonymous  the same in memory that they share without a file
//   kinds      an rwlock, a semaphore, a condition and a barrier that are shared, each waited for once
//   private    a mutex made for sharing, in memory that is not shared
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cstddef>
#include <deque>

#include "lock_truth.h"

static void Section(pthread_mutex_t* mutex) {
  Must(pthread_mutex_lock(mutex));
  Nap(200);
  Must(pthread_mutex_unlock(mutex));
}

NAMED void UseMutex(pthread_mutex_t* mutex, size_t rounds) {
  for (; rounds > 0; --rounds) {
    Section(mutex);
    Nap(20);
  }
  EndOfFrame();
}

// ---- on a stack -----------------------------------------------------------------------------

static void Borrow(pthread_mutex_t* mutex, size_t rounds, std::deque<std::thread>* borrowers) {
  for (int i = 0; i < 3; ++i) borrowers->emplace_back(UseMutex, mutex, rounds);
}

static void Join(std::deque<std::thread>* borrowers) {
  for (std::thread& borrower : *borrowers) borrower.join();
}

NAMED uintptr_t LendMutex(size_t rounds) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::deque<std::thread> borrowers;
  Borrow(&mutex, rounds, &borrowers);
  Join(&borrowers);
  const auto address = reinterpret_cast<uintptr_t>(&mutex);
  EndOfFrame();
  return address;
}

NAMED uintptr_t LendAndUseMutex(size_t rounds) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::deque<std::thread> borrowers;
  Borrow(&mutex, rounds, &borrowers);
  UseMutex(&mutex, rounds);
  Join(&borrowers);
  const auto address = reinterpret_cast<uintptr_t>(&mutex);
  EndOfFrame();
  return address;
}

NAMED uintptr_t LendAnotherMutex(size_t rounds) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::deque<std::thread> borrowers;
  Borrow(&mutex, rounds, &borrowers);
  Join(&borrowers);
  const auto address = reinterpret_cast<uintptr_t>(&mutex);
  EndOfFrame();
  return address;
}

// In a thread that is not main.
template <typename Lend>
static void OnLendersStack(Lend lend) {
  std::thread([lend] {
    pthread_setname_np(pthread_self(), "lender");
    lend();
  }).join();
}

static void PrintLent(uintptr_t address, const char* function) {
  std::printf("truth lock=%s address=0x%" PRIxPTR " frame_of=%s thread=lender\n", function, address,
              function);
}

static void Lent(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 2, 200);
  OnLendersStack([rounds] { PrintLent(LendMutex(rounds), "LendMutex"); });
}

static void Own(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 2, 100);
  OnLendersStack([rounds] { PrintLent(LendAndUseMutex(rounds), "LendAndUseMutex"); });
}

static void Reused(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 2, 200);
  OnLendersStack([rounds] {
    const uintptr_t address = LendMutex(rounds);
    if (LendAnotherMutex(rounds) != address) {
      std::fprintf(stderr, "the two functions' frames differ\n");
      std::exit(2);
    }
    std::printf("truth lock=reused address=0x%" PRIxPTR " thread=lender\n", address);
  });
}

// ---- in shared memory -----------------------------------------------------------------------

// Of a page, and of the mutex in that page.
constexpr size_t kPageOffset = 0x3000, kMutexOffset = 0x140;

static void* Map(int fd) {
  const int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
  void* page = mmap(nullptr, 0x1000, PROT_READ | PROT_WRITE, flags, fd, fd < 0 ? 0 : kPageOffset);
  if (page == MAP_FAILED) std::abort();
  return page;
}

static pthread_mutex_t* MutexIn(void* page) {
  return reinterpret_cast<pthread_mutex_t*>(static_cast<char*>(page) + kMutexOffset);
}

static pthread_mutex_t* MakeShared(pthread_mutex_t* mutex) {
  pthread_mutexattr_t attributes;
  Must(pthread_mutexattr_init(&attributes));
  Must(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
  Must(pthread_mutex_init(mutex, &attributes));
  return mutex;
}

// In two threads, so that libc tries before it waits; and so in each process.
static void UseInThreads(pthread_mutex_t* mutex, size_t rounds) {
  std::thread other(UseMutex, mutex, rounds);
  UseMutex(mutex, rounds);
  other.join();
}

static void AwaitChild(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) std::abort();
}

static void File(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 2, 100);
  char path[] = "/dev/shm/lock_homes.XXXXXX";
  const int fd = mkstemp(path);
  struct stat facts;
  if (fd < 0 || ftruncate(fd, kPageOffset + 0x1000) != 0 || fstat(fd, &facts) != 0) std::abort();
  void* first = Map(fd);
  MakeShared(MutexIn(first));
  const pid_t child = fork();
  void* mine = first;
  if (child == 0) {
    mine = Map(fd);
    munmap(first, 0x1000);
  }
  UseInThreads(MutexIn(mine), rounds);
  if (child == 0) std::exit(0);
  AwaitChild(child);
  unlink(path);
  std::printf("truth lock=%s+0x%zx device=%u:%u inode=%ju offset=%zu\n", path,
              kPageOffset + kMutexOffset, major(facts.st_dev), minor(facts.st_dev),
              static_cast<uintmax_t>(facts.st_ino), kPageOffset + kMutexOffset);
}

static void Anonymous(int argc, char** argv) {
  const size_t rounds = Argument(argc, argv, 2, 100);
  pthread_mutex_t* mutex = MakeShared(MutexIn(Map(-1)));
  const pid_t child = fork();
  UseInThreads(mutex, rounds);
  if (child == 0) std::exit(0);
  AwaitChild(child);
  std::printf("truth lock=anonymous offset=%zu\n", kMutexOffset);
}

struct Kinds {
  pthread_rwlock_t rwlock;
  sem_t semaphore;
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  pthread_barrier_t barrier;
};
static Kinds* kinds;

static void MakeKinds() {
  pthread_rwlockattr_t rwlock;
  Must(pthread_rwlockattr_init(&rwlock));
  Must(pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED));
  Must(pthread_rwlock_init(&kinds->rwlock, &rwlock));
  Must(sem_init(&kinds->semaphore, 1, 0));
  MakeShared(&kinds->mutex);
  pthread_condattr_t condition;
  Must(pthread_condattr_init(&condition));
  Must(pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED));
  Must(pthread_cond_init(&kinds->condition, &condition));
  pthread_barrierattr_t barrier;
  Must(pthread_barrierattr_init(&barrier));
  Must(pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED));
  Must(pthread_barrier_init(&kinds->barrier, &barrier, 2));
}

// One wait of another thread, ended by `end`. A process looks for mappings fifty times a second at most.
template <typename Object>
static void LetWait(const Object& object, void (*wait)(), void (*end)()) {
  Worker worker("waiter", wait);
  Nap(50'000);
  worker.CallUntilAsleepOn(object);
  end();
  worker.AwaitReturn();
}

static void WaitOnce() {
  Must(pthread_mutex_lock(&kinds->mutex));
  Must(pthread_cond_wait(&kinds->condition, &kinds->mutex));
  Must(pthread_mutex_unlock(&kinds->mutex));
}

static void AllKinds(int, char**) {
  kinds = static_cast<Kinds*>(Map(-1));
  MakeKinds();
  Must(pthread_rwlock_wrlock(&kinds->rwlock));
  const auto unlock = [] { Must(pthread_rwlock_unlock(&kinds->rwlock)); };
  const auto read = [] {
    Must(pthread_rwlock_rdlock(&kinds->rwlock));
    Must(pthread_rwlock_unlock(&kinds->rwlock));
  };
  LetWait(kinds->rwlock, read, unlock);
  LetWait(
      kinds->semaphore, [] { Must(sem_wait(&kinds->semaphore)); },
      [] { Must(sem_post(&kinds->semaphore)); });
  LetWait(kinds->condition, WaitOnce, [] { Must(pthread_cond_signal(&kinds->condition)); });
  const auto meet = [] { pthread_barrier_wait(&kinds->barrier); };
  LetWait(kinds->barrier, meet, meet);
  std::printf("truth lock=kinds rwlock=%zu semaphore=%zu condition=%zu barrier=%zu\n",
              offsetof(Kinds, rwlock), offsetof(Kinds, semaphore), offsetof(Kinds, condition),
              offsetof(Kinds, barrier));
}

static pthread_mutex_t not_shared;

static void Private(int argc, char** argv) {
  UseInThreads(MakeShared(&not_shared), Argument(argc, argv, 2, 100));
  std::printf("truth lock=not_shared\n");
}

static const Case kCases[] = {
    {"lent", Lent},           {"own", Own},         {"reused", Reused}, {"file", File},
    {"anonymous", Anonymous}, {"private", Private}, {"kinds", AllKinds}};

int main(int argc, char** argv) { return RunCase(kCases, argc, argv); }
