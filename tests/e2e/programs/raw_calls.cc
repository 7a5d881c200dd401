// raw_calls: the kernel called by number, through libc's syscall(): with six arguments, with errors, and calls that return
// twice. The output must not depend on the agent.
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

static void Print(const char* call, long result) {
  std::printf("%s: %s, errno %d\n", call, result < 0 ? "failed" : "fine", result < 0 ? errno : 0);
}

// The sixth argument: the offset in a file whose pages say which they are.
static void SixArguments() {
  const int fd = static_cast<int>(syscall(SYS_memfd_create, "pages", 0));
  for (int page = 0; page < 4; ++page) {
    if (pwrite(fd, &page, sizeof page, page * 4096) != sizeof page) std::abort();
  }
  for (int page = 0; page < 4; ++page) {
    const long p = syscall(SYS_mmap, 0L, 4096L, PROT_READ, MAP_SHARED, fd, page * 4096L);
    std::printf("page %d: %d\n", page, *reinterpret_cast<const int*>(p));
    syscall(SYS_munmap, p, 4096L);
  }
  Print("mmap at an odd offset", syscall(SYS_mmap, 0L, 4096L, PROT_READ, MAP_SHARED, fd, 1L));
  close(fd);
}

static void Futexes() {
  uint32_t word = 1;
  const timespec soon = {0, 1000};
  Print("futex that differs", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &soon, 0L, 0L));
  Print("futex that times out", syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &soon, 0L, 0L));
  const timespec past = {1, 0};
  Print("futex with a bit set",
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 1, &past, 0L,
                FUTEX_BITSET_MATCH_ANY));
  Print("futex with no bit",
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 1, &past, 0L, 0L));
}

[[noreturn]] static void ExitByInstruction(long status) {
  asm volatile("syscall" : : "a"(SYS_exit_group), "D"(status) : "rcx", "r11", "memory");
  __builtin_unreachable();
}

// The child returns from syscall() first, on the same stack.
static void Borrowed(const char* name, long number, unsigned long flags) {
  for (int i = 0; i < 50; ++i) {
    const long pid = syscall(number, flags, 0L, 0L, 0L, 0L);
    if (pid == 0) ExitByInstruction(40 + i % 3);
    int status = 0;
    if (waitpid(static_cast<pid_t>(pid), &status, 0) != pid || !WIFEXITED(status)) std::abort();
    if (WEXITSTATUS(status) != 40 + i % 3) std::abort();
  }
  std::printf("%s: fine\n", name);
}

int main() {
  SixArguments();
  Futexes();
  Print("no such number", syscall(100000L, 1L, 2L, 3L, 4L, 5L, 6L));
  Print("bad address", syscall(SYS_write, 1L, 1L, 10L));
  Borrowed("vfork", SYS_vfork, 0);
  Borrowed("clone with the parent's memory", SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD);
  std::free(std::malloc(100));
}
