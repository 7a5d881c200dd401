// seccomp: puts a filter on itself that kills the process for every system call which the program does not need, and
// goes on allocating and locking, in threads begun before and after, and in a forked child.
//
//   seccomp prctl|syscall|tsync|libseccomp [without_madvise|some_madvise]
//   seccomp strict
//   seccomp refused
//
// some_madvise: only with the advice that libc gives (as browsers allow it). refused: every installation is wrong, and none
// takes place.
//
// Exits with 3 when all went well, with 77 where filters are not allowed.
#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "samples/truth.h"

static constexpr int kDone = 3;
static constexpr int kNotAllowed = 77;
static constexpr size_t kRounds = 20'000;
static constexpr size_t kThreadsBefore = 2;
static constexpr size_t kThreadsAfter = 2;

// What libc's malloc, threads, fork and exit need.
static constexpr int kAllowed[] = {
    SYS_read,   SYS_write,  SYS_exit,  SYS_exit_group,      SYS_brk,           SYS_mmap,
    SYS_munmap, SYS_mremap, SYS_futex, SYS_mprotect,        SYS_rt_sigreturn,  SYS_clone,
    SYS_clone3, SYS_wait4,  SYS_rseq,  SYS_set_robust_list, SYS_rt_sigprocmask};
static constexpr size_t kAllowedCount = sizeof kAllowed / sizeof *kAllowed;

enum class Madvise { kAllowed, kForbidden, kSomeAdvice };
static Madvise madvise_is = Madvise::kAllowed;

// ---- work ----

static std::atomic<size_t> allocations, bytes;
static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;

static void Round(size_t i) {
  const size_t size = 32 + i % 512;
  void* p = std::malloc(size);
  Escape(p);
  if (i % 16 == 0) {
    pthread_mutex_lock(&shared_mutex);
    p = std::realloc(p, 2 * size);
    Escape(p);
    pthread_mutex_unlock(&shared_mutex);
    allocations += 1;
    bytes += 2 * size;
  }
  std::free(p);
  allocations += 1;
  bytes += size;
}

NAMED void UseBeforeFilter() {
  for (size_t i = 0; i < kRounds; ++i) Round(i);
  EndOfFrame();
}

NAMED void UseUnderFilter() {
  for (size_t i = 0; i < kRounds; ++i) Round(i);
  EndOfFrame();
}

// ---- threads ----

static sem_t may_begin, finished, never;

static std::atomic<size_t> waiting;
static void* RunUnderFilter(void* begins_before) {
  if (begins_before != nullptr) {
    waiting += 1;
    sem_wait(&may_begin);
  }
  UseUnderFilter();
  sem_post(&finished);
  // libc gives an ended thread's stack back by madvise.
  if (madvise_is == Madvise::kForbidden) sem_wait(&never);
  return nullptr;
}

static pthread_t threads[kThreadsBefore + kThreadsAfter];

static void StartThreads(size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    void* begins_before = i < kThreadsBefore ? &may_begin : nullptr;
    if (pthread_create(&threads[i], nullptr, RunUnderFilter, begins_before) != 0) _exit(2);
  }
  // Asleep: a wait that begins while a filter is being installed is recorded without its stack.
  if (begin == 0) {
    while (waiting < kThreadsBefore) usleep(100);
    usleep(10'000);
  }
}

static void WaitForThreads() {
  for (size_t i = 0; i < kThreadsBefore + kThreadsAfter; ++i) sem_wait(&finished);
  if (madvise_is == Madvise::kForbidden) return;
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
}

// ---- the filter ----

static sock_fprog* Filter() {
  constexpr size_t kMost = 2 * (kAllowedCount + 4) + 8;
  static sock_filter code[kMost];
  unsigned short size = 0;
  const auto add = [&](sock_filter instruction) { code[size++] = instruction; };
  const auto allow = [&](unsigned call) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  };
  add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)));
  add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
  add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const int call : kAllowed) allow(static_cast<unsigned>(call));
  if (madvise_is == Madvise::kAllowed) allow(SYS_madvise);
  if (madvise_is == Madvise::kSomeAdvice) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 5));
    add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])));
    allow(MADV_NORMAL);
    allow(MADV_DONTNEED);
  }
  add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  static sock_fprog program;
  program = {size, code};
  return &program;
}

static bool ByPrctl() {
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, Filter()) == 0;
}

static bool BySyscall(unsigned flags) {
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, Filter()) == 0;
}

// Without its headers, which need not be installed.
static bool ByLibrary() {
  void* library = dlopen("libseccomp.so.2", RTLD_NOW);
  if (library == nullptr) return false;
  const auto init = reinterpret_cast<void* (*)(uint32_t)>(dlsym(library, "seccomp_init"));
  const auto rule_add = reinterpret_cast<int (*)(void*, uint32_t, int, unsigned, ...)>(
      dlsym(library, "seccomp_rule_add"));
  const auto load = reinterpret_cast<int (*)(void*)>(dlsym(library, "seccomp_load"));
  void* filter = init(SECCOMP_RET_KILL_PROCESS);
  bool added = true;
  for (const int call : kAllowed)
    added = added && rule_add(filter, SECCOMP_RET_ALLOW, call, 0) == 0;
  if (madvise_is == Madvise::kAllowed)
    added = added && rule_add(filter, SECCOMP_RET_ALLOW, SYS_madvise, 0) == 0;
  return added && load(filter) == 0;
}

static bool Install(const char* how) {
  if (std::strcmp(how, "prctl") == 0) return ByPrctl();
  if (std::strcmp(how, "syscall") == 0) return BySyscall(0);
  if (std::strcmp(how, "tsync") == 0) return BySyscall(SECCOMP_FILTER_FLAG_TSYNC);
  if (std::strcmp(how, "libseccomp") == 0) return ByLibrary();
  return false;
}

// Each of them must fail.
static bool AreAllRefused() {
  static sock_filter wrong_jump[] = {BPF_STMT(BPF_JMP | BPF_JA, 100),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  static sock_filter no_return[] = {BPF_STMT(BPF_LD | BPF_IMM, 1)};
  static sock_fprog programs[] = {{0, wrong_jump},      {2, wrong_jump},
                                  {1, no_return},       {1, nullptr},
                                  {0xffff, wrong_jump}, {1, reinterpret_cast<sock_filter*>(16)}};
  sock_fprog* const kPointers[] = {nullptr, reinterpret_cast<sock_fprog*>(16)};
  bool refused = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  const auto try_both = [&](sock_fprog* program) {
    refused =
        refused && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0 &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) != 0 &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program) != 0;
  };
  for (sock_fprog& program : programs) try_both(&program);
  for (sock_fprog* program : kPointers) try_both(program);
  return refused && prctl(PR_SET_SECCOMP, 77, nullptr) != 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, nullptr) != 0 &&
         syscall(SYS_seccomp, 77, 0, nullptr) != 0;
}

// ---- the end ----

static size_t before_allocations, before_bytes;

// By write alone: stdio asks what its file is.
static void Say() {
  char line[256];
  const size_t under = allocations - before_allocations;
  const int length = std::snprintf(
      line, sizeof line,
      "truth function=UseBeforeFilter allocations=%zu bytes=%zu function=UseUnderFilter "
      "allocations=%zu bytes=%zu\n",
      before_allocations, before_bytes, under, bytes - before_bytes);
  if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) != length) _exit(2);
}

static void RunInChild() {
  const pid_t child = fork();
  if (child == 0) {
    UseUnderFilter();
    _exit(kDone);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != kDone << 8) _exit(4);
}

// Nothing is left but read, write and exit: the heap must have what is needed.
static void RunStrictly() {
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  std::free(std::malloc(100 << 10));
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(kNotAllowed);
  UseUnderFilter();
  Say();
  syscall(SYS_exit, kDone);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (argc > 2) {
    const bool some = std::strcmp(argv[2], "some_madvise") == 0;
    madvise_is = some ? Madvise::kSomeAdvice : Madvise::kForbidden;
  }
  UseBeforeFilter();
  before_allocations = allocations;
  before_bytes = bytes;
  if (std::strcmp(argv[1], "strict") == 0) RunStrictly();
  StartThreads(0, kThreadsBefore);
  if (std::strcmp(argv[1], "refused") == 0) {
    if (!AreAllRefused()) return 2;
  } else if (!Install(argv[1])) {
    return kNotAllowed;
  }
  for (size_t i = 0; i < kThreadsBefore; ++i) sem_post(&may_begin);
  StartThreads(kThreadsBefore, kThreadsBefore + kThreadsAfter);
  UseUnderFilter();
  WaitForThreads();
  RunInChild();
  Say();
  return kDone;
}
