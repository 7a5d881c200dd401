// fork_exec: a parent forks children while it has one thread and while it has two, and some of the
// children replace themselves by exec. Each process allocates a number of blocks of its own.
//
//   fork_exec [BLOCKS]             fork_exec exec BLOCKS FD   (what the children exec)
//
// The last line gives, after the parent's own part, `pid=PID function=AllocateInProcess ...` for
// each child. Children print nothing: they report through a pipe.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "truth.h"

static constexpr size_t kSize = 72;

struct ChildReport {
  pid_t pid;
  size_t allocations;
};

static Tally here;

// Leaks what it allocates: in a forked child, the parent's blocks are not the child's leaks.
NAMED void AllocateInProcess(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) {
    Escape(std::malloc(kSize));
    here.Allocated(kSize);
  }
}

static void Report(int fd) {
  const ChildReport report = {getpid(), here.allocations};
  if (write(fd, &report, sizeof report) != sizeof report) std::abort();
}

enum class Then { kExit, kQuickExit, kExec };

static pid_t Fork(size_t blocks, Then then, int fd, const char* self) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  here = {};
  if (then == Then::kExec) {
    const std::string count = std::to_string(blocks), descriptor = std::to_string(fd);
    execl(self, "fork_exec", "exec", count.c_str(), descriptor.c_str(), nullptr);
    _exit(127);
  }
  AllocateInProcess(blocks);
  Report(fd);
  if (then == Then::kQuickExit) _exit(0);
  std::exit(0);
}

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "exec") == 0) {
    AllocateInProcess(Argument(argc, argv, 2, 0));
    Report(static_cast<int>(Argument(argc, argv, 3, 0)));
    return 0;
  }
  const size_t blocks = Argument(argc, argv, 1, 100);
  const char* self = "/proc/self/exe";
  int channel[2];
  if (pipe(channel) != 0) return 2;

  std::vector<pid_t> children;
  AllocateInProcess(blocks);
  children.push_back(Fork(blocks + 1, Then::kExit, channel[1], self));
  children.push_back(Fork(blocks + 2, Then::kQuickExit, channel[1], self));
  children.push_back(Fork(blocks + 3, Then::kExec, channel[1], self));

  std::atomic<bool> stop = false;
  std::thread busy([&stop] {
    while (!stop) {
      void* p = std::malloc(kSize);
      Escape(p);
      std::free(p);
    }
  });
  children.push_back(Fork(blocks + 4, Then::kExit, channel[1], self));
  children.push_back(Fork(blocks + 5, Then::kQuickExit, channel[1], self));
  children.push_back(Fork(blocks + 6, Then::kExec, channel[1], self));
  stop = true;
  busy.join();

  size_t failed = 0;
  for (const pid_t child : children) {
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) ++failed;
  }
  close(channel[1]);
  AllocateInProcess(7);
  std::printf("truth processes=%zu failed=%zu pid=%d", children.size() + 1, failed, getpid());
  here.Print("AllocateInProcess");
  ChildReport report;
  while (read(channel[0], &report, sizeof report) == sizeof report) {
    std::printf(" pid=%d", report.pid);
    Tally{report.allocations, report.allocations * kSize, 0, 0}.Print("AllocateInProcess");
  }
  std::printf("\n");
  return failed == 0 ? 0 : 1;
}
