#include "agent/process.h"

#include <pthread.h>
#include <sys/utsname.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/real.h"
#include "agent/sampler.h"
#include "agent/sandbox.h"
#include "agent/sys.h"
#include "agent/text.h"
#include "perfagent/dump_format.h"

namespace perfagent::process {

namespace {

Facts facts;

// glibc keeps a thread's id in its control block, at the same place from 2.35 on; believed when it held the truth at start.
constexpr uintptr_t kTidOffset = 0x2d0;
bool control_block_has_tid;
uint32_t TidInControlBlock() {
  return *reinterpret_cast<const volatile uint32_t*>(pthread_self() + kTidOffset);
}

void ReadExecutable() {
  const long size = sys::Call(SYS_readlink, sys::Word("/proc/self/exe"),
                              sys::Word(facts.executable), sizeof facts.executable - 1);
  facts.executable[size > 0 ? size : 0] = 0;
  const char* slash = strrchr(facts.executable, '/');
  facts.program = slash != nullptr ? slash + 1 : facts.executable;
}

void ReadCommandLine() {
  const long size =
      sys::ReadFile("/proc/self/cmdline", facts.command_line, sizeof facts.command_line);
  for (long i = 0; i + 1 < size; ++i) {
    if (facts.command_line[i] == 0) facts.command_line[i] = ' ';
  }
}

// A numeric field of /proc/PID/stat, from 3 on; the second may itself contain spaces and brackets. 0 when it cannot be read.
uint64_t StatField(const char* path, int field) {
  static char text[1024];  // a forked child may be here on a small stack
  if (sys::ReadFile(path, text, sizeof text) <= 0) return 0;
  const char* at = strrchr(text, ')');
  for (int i = 2; at != nullptr && i < field; ++i) at = strchr(at + 1, ' ');
  uint64_t value = 0;
  for (at += at != nullptr; at != nullptr && *at >= '0' && *at <= '9'; ++at) {
    value = value * 10 + static_cast<uint64_t>(*at - '0');
  }
  return value;
}

void ReadHost() {
  utsname names;
  if (sys::Call(SYS_uname, sys::Word(&names)) != 0) return;
  memcpy(facts.host, names.nodename, sizeof names.nodename);
}

void ReadWorkingDirectory() {
  if (sys::Call(SYS_getcwd, sys::Word(facts.working_directory), sizeof facts.working_directory) <=
      0) {
    facts.working_directory[0] = 0;
  }
}

// The loader's name for the program itself is empty.
const char* NamedOr(const char* path, const char* program) {
  if (path == nullptr) return "";
  return *path != 0 ? path : program;
}

uint64_t RandomSeed() {
  uint64_t seed = 0;
  constexpr long kNonBlocking = 1;
  if (sys::Call(SYS_getrandom, sys::Word(&seed), sizeof seed, kNonBlocking) != sizeof seed) {
    seed = clock::Started().monotonic_ns;
  }
  return seed;
}

// Calls handle(line) for each line of a file; what is longer than the buffer is cut.
template <typename Handle>
void ForEachLine(const char* path, Handle handle) {
  const int fd = sys::Open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[4096 + 256];
  size_t used = 0;
  while (true) {
    const long got = sys::Read(fd, text + used, sizeof text - 1 - used);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
    size_t begin = 0;
    while (auto* end = static_cast<char*>(memchr(text + begin, '\n', used - begin))) {
      *end = 0;
      handle(std::string_view(text + begin));
      begin = static_cast<size_t>(end - text) + 1;
    }
    if (begin == 0) begin = used;
    used -= begin;
    memmove(text, text + begin, used);
  }
  sys::Close(fd);
}

bool IsDumpOf(const char* path, uint32_t pid) {
  const int fd = sys::Open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return false;
  HeaderPage header = {};
  const long got = sys::Read(fd, &header, offsetof(HeaderPage, host));
  sys::Close(fd);
  return got == offsetof(HeaderPage, host) && header.magic == kDumpMagic && header.pid == pid;
}

bool IsRecorded(uint32_t pid) {
  Text<64> name;
  name << "/proc/" << uint64_t{pid} << "/maps";
  bool found = false;
  ForEachLine(name.c_str(), [&](std::string_view line) {
    const size_t path = line.find('/');
    const bool shared = line.find(" rw-s ") < path;
    found = found || (shared && path != line.npos && IsDumpOf(line.data() + path, pid));
  });
  return found;
}

void ReadOwn() {
  facts.pid = static_cast<uint32_t>(sys::Pid());
  facts.parent_pid = static_cast<uint32_t>(sys::Call(SYS_getppid));
  control_block_has_tid = TidInControlBlock() == static_cast<uint32_t>(sys::Tid());
  facts.start_ticks = StatField("/proc/self/stat", 22);
  // A forked child must not repeat its parent's draws.
  facts.seed = config.seed != 0 ? config.seed : RandomSeed();
}

}  // namespace

void Gather() {
  ReadExecutable();
  ReadCommandLine();
  ReadHost();
  ReadWorkingDirectory();
  ReadOwn();
}

void GatherInChild() { ReadOwn(); }

void GatherAllocator() {
  facts.bypassed_by = NamedOr(real::BypassPath(), facts.executable);
  facts.allocator = *facts.bypassed_by != 0 ? facts.bypassed_by
                                            : NamedOr(real::AllocatorPath(), facts.executable);
}

const Facts& Current() { return facts; }

uint32_t ThreadId() {
  if (!sandbox::Entered()) return static_cast<uint32_t>(sys::Tid());
  return control_block_has_tid ? TidInControlBlock() : 0;
}

bool AncestorIsRecorded() {
  constexpr int kMostAncestors = 64;  // and no loop, should pids be reused meanwhile
  uint32_t pid = facts.parent_pid;
  for (int i = 0; i < kMostAncestors && pid > 0; ++i) {
    if (IsRecorded(pid)) return true;
    Text<64> name;
    name << "/proc/" << uint64_t{pid} << "/stat";
    pid = static_cast<uint32_t>(StatField(name.c_str(), 4));
  }
  return false;
}

}  // namespace perfagent::process
