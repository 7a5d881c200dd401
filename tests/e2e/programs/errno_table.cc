// errno_table: calls every function that the agent exports, with success and with failure, and prints for each call what
// it returned and what it did to errno. The output must not depend on the agent.
#include <dlfcn.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <new>

#include "perfagent/perfagent.h"
#include "samples/truth.h"

static constexpr int kSentinel = 4711;
static volatile size_t huge = PTRDIFF_MAX;  // not known to the compiler
static void* const kOld = &errno;           // some pointer, to see whether an output was written

static void Print(const char* call, const char* result) {
  const int after = errno;
  std::printf("%s: %s, errno %s\n", call, result,
              after == kSentinel ? "untouched" : strerrorname_np(after));
}

template <typename Call>
static void* Block(const char* name, Call call) {
  errno = kSentinel;
  void* block = call();
  Print(name, block != nullptr ? "block" : "null");
  return block;
}

template <typename Call>
static void Nothing(const char* name, Call call) {
  errno = kSentinel;
  call();
  Print(name, "returned");
}

template <typename Call>
static int Number(const char* name, Call call) {
  errno = kSentinel;
  const int result = call();
  const char* word = result == 0 ? "0" : strerrorname_np(result);
  Print(name, word != nullptr ? word : "another");
  return result;
}

static void* Hidden(void* p) {
  asm volatile("" : "+r"(p));
  return p;
}

static void CallHeap(size_t size) {
  void* p = Block("malloc", [=] { return std::malloc(size); });
  p = Block("realloc", [=] { return std::realloc(p, 3 * size); });
  Block("realloc", [=] { return std::realloc(Hidden(p), huge); });
  p = Block("reallocarray", [=] { return reallocarray(p, 4, size); });
  Block("reallocarray", [=] { return reallocarray(Hidden(p), huge, 8); });
  Block("reallocarray", [=] { return reallocarray(Hidden(p), huge, 1); });
  Nothing("free", [=] { std::free(p); });
  Nothing("free", [] { std::free(Hidden(nullptr)); });
  Block("malloc", [] { return std::malloc(huge); });
  void* zeroed = Block("calloc", [=] { return std::calloc(2, size); });
  Nothing("free", [=] { std::free(zeroed); });
  Block("calloc", [] { return std::calloc(1, huge); });
  Block("calloc", [] { return std::calloc(8, huge); });
  void* pages = Block("malloc", [] { return std::malloc(4 << 20); });
  Nothing("free", [=] { std::free(pages); });  // goes back to the kernel
}

static void CallAligned(size_t size) {
  std::free(Block("memalign", [=] { return memalign(64, size); }));
  Block("memalign", [] { return memalign(64, huge); });
  std::free(Block("aligned_alloc", [=] { return std::aligned_alloc(64, size * 64); }));
  Block("aligned_alloc", [] { return std::aligned_alloc(64, huge); });
  std::free(Block("valloc", [=] { return valloc(size); }));
  Block("valloc", [] { return valloc(huge); });
  std::free(Block("pvalloc", [=] { return pvalloc(size); }));
  Block("pvalloc", [] { return pvalloc(huge); });
  void* p = kOld;
  Number("posix_memalign", [&] { return posix_memalign(&p, 64, size); });
  Nothing("free", [=] { std::free(p); });
  p = kOld;
  Number("posix_memalign", [&] { return posix_memalign(&p, 24, size); });
  Number("posix_memalign", [&] { return posix_memalign(&p, 64, huge); });
  std::printf("posix_memalign: output %s\n", p == kOld ? "untouched" : "changed");
}

// By their linkage names: so each form is called whatever the compiler would choose.
extern "C" {
void* _Znwm(size_t);
void* _Znam(size_t);
void* _ZnwmRKSt9nothrow_t(size_t, const std::nothrow_t&);
void* _ZnamRKSt9nothrow_t(size_t, const std::nothrow_t&);
void* _ZnwmSt11align_val_t(size_t, size_t);
void* _ZnamSt11align_val_t(size_t, size_t);
void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t, size_t, const std::nothrow_t&);
void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t, size_t, const std::nothrow_t&);
void _ZdlPv(void*);
void _ZdaPv(void*);
void _ZdlPvm(void*, size_t);
void _ZdaPvm(void*, size_t);
void _ZdlPvRKSt9nothrow_t(void*, const std::nothrow_t&);
void _ZdaPvRKSt9nothrow_t(void*, const std::nothrow_t&);
void _ZdlPvSt11align_val_t(void*, size_t);
void _ZdaPvSt11align_val_t(void*, size_t);
void _ZdlPvmSt11align_val_t(void*, size_t, size_t);
void _ZdaPvmSt11align_val_t(void*, size_t, size_t);
void _ZdlPvSt11align_val_tRKSt9nothrow_t(void*, size_t, const std::nothrow_t&);
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void*, size_t, const std::nothrow_t&);
}

static void CallNew(size_t size) {
  constexpr size_t kAlignment = 64;
  const std::nothrow_t& nothrow = std::nothrow;
  const size_t rounded = size * kAlignment;
#define NEW_DELETE(new_function, new_arguments, delete_function, ...)                  \
  do {                                                                                 \
    void* p = Block(#new_function, [&] { return new_function new_arguments; });        \
    Nothing(#delete_function, [&] { delete_function(p __VA_OPT__(, ) __VA_ARGS__); }); \
  } while (false)
  NEW_DELETE(_Znwm, (size), _ZdlPv);
  NEW_DELETE(_Znam, (size), _ZdaPv);
  NEW_DELETE(_Znwm, (size), _ZdlPvm, size);
  NEW_DELETE(_Znam, (size), _ZdaPvm, size);
  NEW_DELETE(_ZnwmRKSt9nothrow_t, (size, nothrow), _ZdlPvRKSt9nothrow_t, nothrow);
  NEW_DELETE(_ZnamRKSt9nothrow_t, (size, nothrow), _ZdaPvRKSt9nothrow_t, nothrow);
  NEW_DELETE(_ZnwmSt11align_val_t, (rounded, kAlignment), _ZdlPvSt11align_val_t, kAlignment);
  NEW_DELETE(_ZnamSt11align_val_t, (rounded, kAlignment), _ZdaPvSt11align_val_t, kAlignment);
  NEW_DELETE(_ZnwmSt11align_val_t, (rounded, kAlignment), _ZdlPvmSt11align_val_t, rounded,
             kAlignment);
  NEW_DELETE(_ZnamSt11align_val_t, (rounded, kAlignment), _ZdaPvmSt11align_val_t, rounded,
             kAlignment);
  NEW_DELETE(_ZnwmSt11align_val_tRKSt9nothrow_t, (rounded, kAlignment, nothrow),
             _ZdlPvSt11align_val_tRKSt9nothrow_t, kAlignment, nothrow);
  NEW_DELETE(_ZnamSt11align_val_tRKSt9nothrow_t, (rounded, kAlignment, nothrow),
             _ZdaPvSt11align_val_tRKSt9nothrow_t, kAlignment, nothrow);
#undef NEW_DELETE
}

// Prints what an allocation did that must fail: errno as the handler of the exception finds it.
template <typename Call>
static void Fail(const char* name, Call call) {
  errno = kSentinel;
  try {
    void* block = call();
    Print(name, block != nullptr ? "block" : "null");
  } catch (const std::bad_alloc&) {
    Print(name, "bad_alloc");
  }
}

static void CallFailingNew() {
  constexpr size_t kAlignment = 64;
  const std::nothrow_t& nothrow = std::nothrow;
  Fail("_Znwm", [] { return _Znwm(huge); });
  Fail("_Znam", [] { return _Znam(huge); });
  Fail("_ZnwmSt11align_val_t", [] { return _ZnwmSt11align_val_t(huge, kAlignment); });
  Fail("_ZnamSt11align_val_t", [] { return _ZnamSt11align_val_t(huge, kAlignment); });
  Fail("_ZnwmRKSt9nothrow_t", [&] { return _ZnwmRKSt9nothrow_t(huge, nothrow); });
  Fail("_ZnamRKSt9nothrow_t", [&] { return _ZnamRKSt9nothrow_t(huge, nothrow); });
  Fail("_ZnwmSt11align_val_tRKSt9nothrow_t",
       [&] { return _ZnwmSt11align_val_tRKSt9nothrow_t(huge, kAlignment, nothrow); });
  Fail("_ZnamSt11align_val_tRKSt9nothrow_t",
       [&] { return _ZnamSt11align_val_tRKSt9nothrow_t(huge, kAlignment, nothrow); });
}

static void CallMutex(int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, type);
  pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, &attributes);
  const timespec past = {1, 0};
  const timespec never = {1, -1};
  Number("pthread_mutex_lock", [&] { return pthread_mutex_lock(&mutex); });
  Number("pthread_mutex_trylock", [&] { return pthread_mutex_trylock(&mutex); });
  Number("pthread_mutex_timedlock", [&] { return pthread_mutex_timedlock(&mutex, &past); });
  Number("pthread_mutex_timedlock", [&] { return pthread_mutex_timedlock(&mutex, &never); });
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID}) {
    Number("pthread_mutex_clocklock",
           [&] { return pthread_mutex_clocklock(&mutex, clock, &past); });
  }
  Number("pthread_mutex_unlock", [&] { return pthread_mutex_unlock(&mutex); });
  Number("pthread_mutex_timedlock", [&] { return pthread_mutex_timedlock(&mutex, &past); });
  Number("pthread_mutex_unlock", [&] { return pthread_mutex_unlock(&mutex); });
  Number("pthread_mutex_trylock", [&] { return pthread_mutex_trylock(&mutex); });
  Number("pthread_mutex_unlock", [&] { return pthread_mutex_unlock(&mutex); });
  Number("pthread_mutex_clocklock",
         [&] { return pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &past); });
  Number("pthread_mutex_unlock", [&] { return pthread_mutex_unlock(&mutex); });
  // Of nobody's: EPERM where the owner is checked, undefined elsewhere.
  if (type == PTHREAD_MUTEX_ERRORCHECK) {
    Number("pthread_mutex_lock", [&] { return pthread_mutex_lock(&mutex); });
    Number("pthread_mutex_lock", [&] { return pthread_mutex_lock(&mutex); });
    Number("pthread_mutex_unlock", [&] { return pthread_mutex_unlock(&mutex); });
    Number("pthread_mutex_unlock", [&] { return pthread_mutex_unlock(&mutex); });
  }
}

static void CallRwlock() {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  const timespec past = {1, 0};
  const timespec never = {1, -1};
  const auto unlock = [&] {
    Number("pthread_rwlock_unlock", [&] { return pthread_rwlock_unlock(&lock); });
  };
  // Free; read; written, by the caller.
  using Hold = int (*)(pthread_rwlock_t*);
  for (const Hold hold :
       {Hold(nullptr), Hold(pthread_rwlock_rdlock), Hold(pthread_rwlock_wrlock)}) {
    const auto call = [&](const char* name, const auto& function) {
      if (hold != nullptr) hold(&lock);
      const int result = Number(name, function);
      if (hold != nullptr) unlock();
      if (result == 0) unlock();
    };
    call("pthread_rwlock_rdlock", [&] { return pthread_rwlock_rdlock(&lock); });
    if (hold != pthread_rwlock_rdlock) {
      call("pthread_rwlock_wrlock", [&] { return pthread_rwlock_wrlock(&lock); });
    }
    call("pthread_rwlock_tryrdlock", [&] { return pthread_rwlock_tryrdlock(&lock); });
    call("pthread_rwlock_trywrlock", [&] { return pthread_rwlock_trywrlock(&lock); });
    for (const timespec* until : {&past, &never}) {
      call("pthread_rwlock_timedrdlock", [&] { return pthread_rwlock_timedrdlock(&lock, until); });
      call("pthread_rwlock_timedwrlock", [&] { return pthread_rwlock_timedwrlock(&lock, until); });
      for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID}) {
        call("pthread_rwlock_clockrdlock",
             [&] { return pthread_rwlock_clockrdlock(&lock, clock, until); });
        call("pthread_rwlock_clockwrlock",
             [&] { return pthread_rwlock_clockwrlock(&lock, clock, until); });
      }
    }
  }
}

// No header declares them any more, and old programs call them.
template <typename Lock>
static void CallOld(const char* name, Lock* lock) {
  const auto function = reinterpret_cast<int (*)(Lock*)>(dlvsym(RTLD_DEFAULT, name, "GLIBC_2.2.5"));
  Number(name, [&] { return function(lock); });
}

static void CallOldNames() {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  CallOld("__pthread_mutex_lock", &mutex);
  CallOld("__pthread_mutex_trylock", &mutex);
  CallOld("__pthread_mutex_unlock", &mutex);
  CallOld("__pthread_mutex_trylock", &mutex);
  CallOld("__pthread_mutex_unlock", &mutex);
  pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
  CallOld("__pthread_rwlock_rdlock", &rwlock);
  CallOld("__pthread_rwlock_tryrdlock", &rwlock);
  CallOld("__pthread_rwlock_trywrlock", &rwlock);
  CallOld("__pthread_rwlock_unlock", &rwlock);
  CallOld("__pthread_rwlock_unlock", &rwlock);
  CallOld("__pthread_rwlock_wrlock", &rwlock);
  CallOld("__pthread_rwlock_trywrlock", &rwlock);
  CallOld("__pthread_rwlock_unlock", &rwlock);
}

static void CallSpinAndMtx() {
  pthread_spinlock_t spin;
  pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
  Number("pthread_spin_lock", [&] { return pthread_spin_lock(&spin); });
  Number("pthread_spin_trylock", [&] { return pthread_spin_trylock(&spin); });
  Number("pthread_spin_unlock", [&] { return pthread_spin_unlock(&spin); });
  const timespec past = {1, 0};
  mtx_t mutex;
  mtx_init(&mutex, mtx_timed);
  Number("mtx_lock", [&] { return mtx_lock(&mutex); });
  Number("mtx_trylock", [&] { return mtx_trylock(&mutex); });
  Number("mtx_timedlock", [&] { return mtx_timedlock(&mutex, &past); });
  Number("mtx_unlock", [&] { return mtx_unlock(&mutex); });
}

template <typename Call>
static int Failure(const char* name, Call call) {
  errno = kSentinel;
  const int result = call();
  Print(name, result == -1 ? "-1" : result == 0 ? "0" : "more");
  return result;
}

static void CallWaits() {
  const timespec past = {1, 0};
  const timespec never = {1, -1};
  pthread_mutex_t mutex = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  Number("pthread_cond_wait", [&] { return pthread_cond_wait(&condition, &mutex); });
  pthread_mutex_lock(&mutex);
  for (const timespec* until : {&past, &never}) {
    Number("pthread_cond_timedwait",
           [&] { return pthread_cond_timedwait(&condition, &mutex, until); });
    Number("pthread_cond_clockwait",
           [&] { return pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, until); });
  }
  Number("pthread_cond_signal", [&] { return pthread_cond_signal(&condition); });
  Number("pthread_cond_broadcast", [&] { return pthread_cond_broadcast(&condition); });
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  for (int value = 0; value < 2; ++value) {
    for (const timespec* until : {&past, &never}) {
      Failure("sem_post", [&] { return value == 0 ? 0 : sem_post(&semaphore); });
      Failure("sem_timedwait", [&] { return sem_timedwait(&semaphore, until); });
      Failure("sem_post", [&] { return value == 0 ? 0 : sem_post(&semaphore); });
      Failure("sem_clockwait", [&] { return sem_clockwait(&semaphore, CLOCK_MONOTONIC, until); });
    }
  }
  Failure("sem_wait", [&] { return sem_wait(&semaphore); });
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 1);
  Failure("pthread_barrier_wait", [&] { return pthread_barrier_wait(&barrier); });
}

static void CallC11Waits() {
  const timespec past = {1, 0};
  mtx_t mutex;
  cnd_t condition;
  mtx_init(&mutex, mtx_plain);
  cnd_init(&condition);
  mtx_lock(&mutex);
  Number("cnd_timedwait", [&] { return cnd_timedwait(&condition, &mutex, &past); });
  thrd_t waker;
  struct Both {
    mtx_t* mutex;
    cnd_t* condition;
  } both = {&mutex, &condition};
  const auto wake = [](void* p) {
    const Both* const arguments = static_cast<const Both*>(p);
    mtx_lock(arguments->mutex);
    mtx_unlock(arguments->mutex);
    return cnd_signal(arguments->condition);
  };
  thrd_create(&waker, wake, &both);
  Number("cnd_wait", [&] { return cnd_wait(&condition, &mutex); });
  Number("thrd_join", [&] { return thrd_join(waker, nullptr); });
  Number("cnd_signal", [&] { return cnd_signal(&condition); });
  Number("cnd_broadcast", [&] { return cnd_broadcast(&condition); });
}

static void CallJoins() {
  const auto end = [](void*) -> void* { return nullptr; };
  const timespec past = {1, 0};
  pthread_t thread;
  Number("pthread_join", [] { return pthread_join(pthread_self(), nullptr); });
  Number("pthread_timedjoin_np",
         [&] { return pthread_timedjoin_np(pthread_self(), nullptr, &past); });
  Number("pthread_clockjoin_np",
         [&] { return pthread_clockjoin_np(pthread_self(), nullptr, CLOCK_MONOTONIC, &past); });
  if (pthread_create(&thread, nullptr, end, nullptr) != 0) std::abort();
  Number("pthread_join", [&] { return pthread_join(thread, nullptr); });
}

static void CallOnces() {
  pthread_once_t control = PTHREAD_ONCE_INIT;
  const auto routine = [] {};
  Number("pthread_once", [&] { return pthread_once(&control, routine); });
  Number("pthread_once", [&] { return pthread_once(&control, routine); });
  control = PTHREAD_ONCE_INIT;
  const auto old = reinterpret_cast<int (*)(pthread_once_t*, void (*)())>(
      dlvsym(RTLD_DEFAULT, "__pthread_once", "GLIBC_2.2.5"));
  Number("__pthread_once", [&] { return old(&control, routine); });
  once_flag flag = ONCE_FLAG_INIT;
  Nothing("call_once", [&] { call_once(&flag, routine); });
}

template <typename Call>
static void SystemCall(const char* name, Call call) {
  errno = kSentinel;
  const auto result = call();
  Print(name, result == -1 ? "-1" : result == 0 ? "0" : "more");
}

static void CallPrctlAndSyscall() {
  char name[16];
  SystemCall("prctl", [&] { return prctl(PR_GET_NAME, name); });
  SystemCall("prctl", [] { return prctl(-1); });
  SystemCall("prctl", [] { return prctl(PR_SET_PDEATHSIG, 1000); });
  SystemCall("prctl", [] { return prctl(PR_SET_SECCOMP, 77, nullptr); });
  SystemCall("prctl", [] { return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr); });
  SystemCall("syscall", [] { return syscall(SYS_gettid); });
  SystemCall("syscall", [] { return syscall(SYS_close, -1); });
  SystemCall("syscall", [] { return syscall(-1); });
  SystemCall("syscall", [] { return syscall(SYS_seccomp, 77, 0, nullptr); });
  SystemCall("syscall", [] { return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, nullptr); });
  // All six arguments arrive: the last one must be a multiple of the page size.
  SystemCall("syscall", [] {
    return syscall(SYS_mmap, nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  });
  SystemCall("syscall", [] {
    return syscall(SYS_mmap, nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1);
  });
}

// Not there without the agent; the line is.
static void CallOwn() {
  Nothing("perfagent_mark", [] { perfagent_mark("a phase"); });
  Nothing("perfagent_pause", [] { perfagent_pause(); });
  Nothing("perfagent_resume", [] { perfagent_resume(); });
}

static void CallDlclose() {
  errno = kSentinel;
  void* handle = dlopen("libm.so.6", RTLD_NOW);
  Number("dlclose", [=] { return dlclose(handle); });
  handle = dlopen(nullptr, RTLD_NOW);
  Number("dlclose", [=] { return dlclose(handle); });
  static char no_handle[4096];
  errno = kSentinel;
  const int result = dlclose(no_handle);
  Print("dlclose", result != 0 ? "failed" : "0");
}

static void* Sleep(void* gate) {
  pthread_mutex_lock(static_cast<pthread_mutex_t*>(gate));
  return nullptr;
}

int main() {
  static char buffer[1 << 16];
  std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);  // nothing in between touches errno
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  for (const bool has_threads : {false, true}) {
    pthread_t thread;
    pthread_mutex_lock(&gate);
    if (has_threads && pthread_create(&thread, nullptr, Sleep, &gate) != 0) return 2;
    for (const size_t size : {1, 100, 5000, 300000}) {
      CallHeap(size);
      CallAligned(size);
      CallNew(size);
    }
    CallFailingNew();
    CallMutex(PTHREAD_MUTEX_NORMAL);
    CallMutex(PTHREAD_MUTEX_ERRORCHECK);
    CallRwlock();
    CallOldNames();
    CallSpinAndMtx();
    CallWaits();
    CallDlclose();
    CallPrctlAndSyscall();
    CallOwn();
    // These make threads themselves.
    if (has_threads) {
      CallC11Waits();
      CallJoins();
      CallOnces();
    }
    pthread_mutex_unlock(&gate);
    if (has_threads) pthread_join(thread, nullptr);
  }
}
