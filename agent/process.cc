#include "agent/process.h"

#include <pthread.h>
#include <sys/utsname.h>

#include <cstring>

#include "agent/config.h"
#include "agent/real.h"
#include "agent/sampler.h"
#include "agent/sandbox.h"
#include "agent/text.h"

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

// Fields 4 (parent) and 22 (start) of /proc/self/stat; the second field may itself contain spaces and brackets.
void ReadStat() {
  char text[1024];
  if (sys::ReadFile("/proc/self/stat", text, sizeof text) <= 0) return;
  const char* at = strrchr(text, ')');
  if (at == nullptr) return;
  uint64_t fields[22] = {};
  ++at;
  for (int field = 3; field <= 22 && *at != 0; ++field) {
    while (*at == ' ') ++at;
    uint64_t value = 0;
    for (; *at != ' ' && *at != 0; ++at) {
      if (*at >= '0' && *at <= '9') value = value * 10 + static_cast<uint64_t>(*at - '0');
    }
    fields[field - 1] = value;
  }
  facts.parent_pid = static_cast<uint32_t>(fields[3]);
  facts.start_ticks = fields[21];
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
    seed = facts.start_monotonic_ns;
  }
  return seed;
}

}  // namespace

void Gather() {
  facts.pid = static_cast<uint32_t>(sys::Pid());
  control_block_has_tid = TidInControlBlock() == static_cast<uint32_t>(sys::Tid());
  facts.start_monotonic_ns = ClockNs(CLOCK_MONOTONIC);
  facts.start_realtime_ns = ClockNs(CLOCK_REALTIME);
  ReadExecutable();
  ReadCommandLine();
  ReadStat();
  ReadHost();
  ReadWorkingDirectory();
  facts.bypassed_by = NamedOr(real::BypassPath(), facts.executable);
  facts.allocator = *facts.bypassed_by != 0 ? facts.bypassed_by
                                            : NamedOr(real::AllocatorPath(), facts.executable);
  // A forked child must not repeat its parent's draws.
  facts.seed = config.seed != 0 ? config.seed : RandomSeed();
}

const Facts& Current() { return facts; }

uint32_t ThreadId() {
  if (!sandbox::Entered()) return static_cast<uint32_t>(sys::Tid());
  return control_block_has_tid ? TidInControlBlock() : 0;
}

bool ParentIsWatched() {
  Text<64> name;
  name << "/proc/" << uint64_t{facts.parent_pid} << "/maps";
  const int fd = sys::Open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  constexpr const char kNeedle[] = "libperfagent.so";
  constexpr size_t kKeep = sizeof kNeedle - 2;  // a needle may straddle two reads
  char text[4096 + kKeep];
  size_t used = 0;
  bool found = false;
  while (!found) {
    const long got = sys::Read(fd, text + used, sizeof text - used);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
    found = memmem(text, used, kNeedle, sizeof kNeedle - 1) != nullptr;
    const size_t keep = used < kKeep ? used : kKeep;
    memmove(text, text + used - keep, keep);
    used = keep;
  }
  sys::Close(fd);
  return found;
}

}  // namespace perfagent::process
