// processes: the ways of making a process and of changing what it may do. Each process allocates a number of blocks that
// is its own, so that its dump is recognized by it.
//
//   processes storm LEAF        many threads fork at once; children exit, _exit, or exec LEAF
//   processes kinds LEAF        _Fork, fork-like system calls, vfork, clone, posix_spawn
//   processes daemon RESULT     forks twice, closes every descriptor, and at last writes the file RESULT
//   processes chroot DIRECTORY  shuts itself in and forks
//   processes drop              gives up root and forks
//   processes exec PROGRAM      replaces itself
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "guest.h"

extern char** environ;

NAMED void AllocateInProcess(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) Escape(std::malloc(72));
  EndOfFrame();
}

static bool EndedWell(pid_t pid) {
  int status = 0;
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void ExecLeaf(const char* leaf, size_t blocks) {
  const std::string count = std::to_string(blocks);
  execl(leaf, "leaf", count.c_str(), nullptr);
  _exit(127);
}

// ---- storm ----

static constexpr size_t kThreads = 4;
static constexpr size_t kForksPerThread = 3;

[[noreturn]] static void BeChild(size_t number, const char* leaf) {
  AllocateInProcess(100 + number);
  KeptMutex().WaitInVain(3);
  if (number % 3 == 0) std::exit(0);
  if (number % 3 == 1) _exit(0);
  // Their lines would come in any order.
  if (dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO) < 0) _exit(126);
  ExecLeaf(leaf, 200 + number);
  _exit(127);
}

static int Storm(const char* leaf) {
  AllocateInProcess(50);
  std::vector<std::thread> threads;
  std::vector<size_t> well(kThreads);
  pthread_barrier_t start;
  pthread_barrier_init(&start, nullptr, kThreads);
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      pthread_barrier_wait(&start);
      for (size_t i = 0; i < kForksPerThread; ++i) {
        void* p = std::malloc(3000);
        Escape(p);
        const pid_t pid = fork();
        if (pid == 0) BeChild(t * kForksPerThread + i, leaf);
        std::free(p);
        if (EndedWell(pid)) ++well[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  size_t sum = 0;
  for (const size_t count : well) sum += count;
  std::printf("%zu children ended well\n", sum);
  return 0;
}

// ---- kinds ----

template <typename Fork>
static void TryFork(const char* name, size_t blocks, Fork make) {
  const pid_t pid = make();
  if (pid == 0) {
    AllocateInProcess(blocks);
    _exit(0);
  }
  std::printf("%s: %d\n", name, EndedWell(pid));
  std::fflush(stdout);
}

// Runs in the parent's memory, on a stack of its own, while the parent waits.
static int AllocateForParent(void*) {
  AllocateInProcess(7);
  return 0;
}

static int Kinds(const char* leaf) {
  AllocateInProcess(50);
  TryFork("_Fork", 101, [] { return _Fork(); });
  TryFork("fork by number", 102, [] { return static_cast<pid_t>(syscall(SYS_fork)); });
  TryFork("clone by number", 103,
          [] { return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); });

  const pid_t sharing = vfork();
  if (sharing == 0) ExecLeaf(leaf, 104);
  std::printf("vfork: %d\n", EndedWell(sharing));

  alignas(16) static char stack[256 << 10];
  const pid_t borrowing =
      clone(AllocateForParent, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, nullptr);
  std::printf("clone with the parent's memory: %d\n", EndedWell(borrowing));
  std::fflush(stdout);

  pid_t spawned = 0;
  char name[] = "leaf";
  char count[] = "105";
  char* arguments[] = {name, count, nullptr};
  if (posix_spawn(&spawned, leaf, nullptr, nullptr, arguments, environ) != 0) return 2;
  std::printf("posix_spawn: %d\n", EndedWell(spawned));
  return 0;
}

// ---- the others ----

static void WriteWhole(const char* path, const std::string& text) {
  const std::string draft = std::string(path) + ".draft";
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  close(fd);
  if (rename(draft.c_str(), path) != 0) std::abort();
}

static int Daemon(const char* result) {
  AllocateInProcess(50);
  if (fork() != 0) _exit(0);
  setsid();
  if (fork() != 0) _exit(0);
  umask(0);
  if (chdir("/") != 0 || close_range(0, ~0U, 0) != 0) _exit(3);
  std::string numbers;
  for (const char* path : {"/dev/null", "/dev/null", "/dev/null", "/dev/zero"}) {
    numbers += " " + std::to_string(open(path, O_RDWR));
  }
  AllocateInProcess(123);
  KeptMutex().WaitInVain(4);
  WriteWhole(result, std::to_string(getpid()) + numbers + "\n");
  std::exit(0);
}

static int ForkOneThatAllocates() {
  const pid_t pid = fork();
  if (pid == 0) {
    AllocateInProcess(60);
    std::exit(0);
  }
  std::printf("child: %d\n", EndedWell(pid));
  AllocateInProcess(100);
  return 0;
}

static int ShutIn(const char* directory) {
  AllocateInProcess(50);
  if (chroot(directory) != 0 || chdir("/") != 0) return 2;
  return ForkOneThatAllocates();
}

static int DropPrivileges() {
  constexpr uid_t kNobody = 65534;
  AllocateInProcess(50);
  if (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) return 2;
  std::printf("user %d\n", getuid());
  return ForkOneThatAllocates();
}

static int Exec(const char* program) {
  AllocateInProcess(50);
  ExecLeaf(program, 70);
  return 127;
}

int main(int argc, char** argv) {
  const auto is = [&](const char* name) { return argc > 1 && std::strcmp(argv[1], name) == 0; };
  std::setvbuf(stdout, nullptr, _IONBF, 0);  // what is buffered would be printed by children too
  if (is("storm")) return Storm(argv[2]);
  if (is("kinds")) return Kinds(argv[2]);
  if (is("daemon")) return Daemon(argv[2]);
  if (is("chroot")) return ShutIn(argv[2]);
  if (is("drop")) return DropPrivileges();
  if (is("exec")) return Exec(argv[2]);
  return 2;
}
