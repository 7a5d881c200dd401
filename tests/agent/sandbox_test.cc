// What the agent thinks of a filter, against what the kernel does under it.
#include "agent/sandbox.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace perfagent {
namespace {

using Filter = std::vector<sock_filter>;

constexpr sock_filter Statement(unsigned code, uint32_t k) {
  return BPF_STMT(static_cast<uint16_t>(code), k);
}
constexpr sock_filter JumpIf(unsigned operation, uint32_t k, uint8_t jt, uint8_t jf) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | operation | BPF_K), k, jt, jf);
}
constexpr sock_filter Load(size_t offset) {
  return Statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
constexpr sock_filter Return(uint32_t action) { return Statement(BPF_RET | BPF_K, action); }

constexpr size_t kNumber = offsetof(seccomp_data, nr);
constexpr size_t kArch = offsetof(seccomp_data, arch);
constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | 99;
constexpr uint32_t kMadvise = SYS_madvise;
constexpr int kPopulateRead = 22, kPopulateWrite = 23;
constexpr size_t kAdvice = offsetof(seccomp_data, args) + 2 * sizeof(uint64_t);

// Installs the filter in a child and calls madvise there. REQUIRES: the filter allows exit_group.
bool KernelAllows(const Filter& filter) {
  const pid_t child = fork();
  if (child == 0) {
    void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                                const_cast<sock_filter*>(filter.data())};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(2);
    _exit(madvise(page, 4096, kPopulateRead) == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 2) << "the kernel refused the filter";
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool AgentAllows(Filter filter) {
  return sandbox::RightsUnder({static_cast<unsigned short>(filter.size()), filter.data()}) ==
         sandbox::kAdvice;
}

// Each one gives madvise and everything else different answers.
const std::vector<Filter>& Filters() {
  static const std::vector<Filter> filters = {
      {Return(kAllow)},
      {Return(SECCOMP_RET_LOG)},
      {Load(kNumber), JumpIf(BPF_JEQ, kMadvise, 0, 1), Return(kRefuse), Return(kAllow)},
      {Load(kNumber), JumpIf(BPF_JEQ, kMadvise, 0, 1), Return(SECCOMP_RET_KILL_PROCESS),
       Return(kAllow)},
      {Load(kNumber), JumpIf(BPF_JEQ, kMadvise, 0, 1), Return(SECCOMP_RET_TRAP), Return(kAllow)},
      // As libseccomp begins: the architecture, then a comparison with the x32 bit.
      {Load(kArch), JumpIf(BPF_JEQ, AUDIT_ARCH_X86_64, 0, 3), Load(kNumber),
       JumpIf(BPF_JGE, 0x40000000, 1, 0), Return(kAllow), Return(SECCOMP_RET_KILL_PROCESS)},
      {Load(kNumber), JumpIf(BPF_JGT, kMadvise, 0, 1), Return(kAllow),
       JumpIf(BPF_JGT, kMadvise - 1, 0, 1), Return(kRefuse), Return(kAllow)},
      // By a bit of the number, by arithmetic, by memory and the index register.
      {Load(kNumber), Statement(BPF_ALU | BPF_SUB | BPF_K, kMadvise),
       JumpIf(BPF_JSET, 0xffffffff, 0, 1), Return(kAllow), Return(kRefuse)},
      {Load(kNumber), Statement(BPF_ALU | BPF_XOR | BPF_K, kMadvise),
       Statement(BPF_ALU | BPF_NEG, 0), JumpIf(BPF_JEQ, 0, 0, 1), Return(kRefuse), Return(kAllow)},
      {Load(kNumber), Statement(BPF_ST, 3), Statement(BPF_LDX | BPF_IMM, kMadvise),
       Statement(BPF_LD | BPF_MEM, 3), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
       Return(kRefuse), Return(kAllow)},
      {Statement(BPF_LD | BPF_IMM, kRefuse), Statement(BPF_STX, 15),
       Statement(BPF_MISC | BPF_TAX, 0), Load(kNumber), JumpIf(BPF_JEQ, kMadvise, 0, 2),
       Statement(BPF_MISC | BPF_TXA, 0), Statement(BPF_RET | BPF_A, 0), Return(kAllow)},
      {Load(kNumber), Statement(BPF_ALU | BPF_LSH | BPF_K, 8), JumpIf(BPF_JEQ, kMadvise << 8, 0, 2),
       Statement(BPF_ALU | BPF_DIV | BPF_K, 256), Statement(BPF_JMP | BPF_JA, 0),
       JumpIf(BPF_JEQ, kMadvise, 0, 1), Return(kRefuse), Return(kAllow)},
      {Statement(BPF_LD | BPF_W | BPF_LEN, 0), JumpIf(BPF_JEQ, sizeof(seccomp_data), 0, 1),
       Return(kAllow), Return(kRefuse)},
  };
  return filters;
}

TEST(Sandbox, JudgesAFilterAsTheKernelDoes) {
  int allowed = 0;
  for (size_t i = 0; i < Filters().size(); ++i) {
    const bool truth = KernelAllows(Filters()[i]);
    EXPECT_EQ(AgentAllows(Filters()[i]), truth) << "filter " << i;
    allowed += truth;
  }
  EXPECT_GT(allowed, 2);
  EXPECT_LT(allowed, static_cast<int>(Filters().size()) - 2);
}

// Of one advice, or by where and how much: a later call may be answered otherwise.
TEST(Sandbox, AFilterThatAllowsMadviseNotAlwaysAllowsNothing) {
  for (const int advice : {kPopulateRead, kPopulateWrite}) {
    EXPECT_FALSE(AgentAllows({Load(kAdvice), JumpIf(BPF_JEQ, static_cast<uint32_t>(advice), 0, 1),
                              Return(kRefuse), Return(kAllow)}));
  }
  EXPECT_TRUE(AgentAllows(
      {Load(kAdvice), JumpIf(BPF_JEQ, MADV_NORMAL, 0, 1), Return(kRefuse), Return(kAllow)}));
  for (size_t place = offsetof(seccomp_data, instruction_pointer); place < kAdvice; place += 4) {
    EXPECT_FALSE(AgentAllows({Load(place), JumpIf(BPF_JEQ, 1, 0, 0), Return(kAllow)})) << place;
  }
}

TEST(Sandbox, AFilterThatTheKernelWouldRefuseAllowsNothing) {
  EXPECT_FALSE(AgentAllows({}));
  EXPECT_FALSE(AgentAllows({Load(kNumber)}));                     // no end
  EXPECT_FALSE(AgentAllows({Load(1), Return(kAllow)}));           // not aligned
  EXPECT_FALSE(AgentAllows({Load(64), Return(kAllow)}));          // behind the data
  EXPECT_FALSE(AgentAllows({Load(0xfffffffc), Return(kAllow)}));  // far behind it
  EXPECT_FALSE(AgentAllows({Statement(BPF_LD | BPF_MEM, 16), Return(kAllow)}));
  EXPECT_FALSE(AgentAllows({Statement(BPF_ST, 0xffffffff), Return(kAllow)}));
  EXPECT_FALSE(AgentAllows({Statement(BPF_ALU | BPF_DIV | BPF_X, 0), Return(kAllow)}));
  EXPECT_FALSE(AgentAllows({Statement(BPF_JMP | BPF_JA, 0xffffffff), Return(kAllow)}));
}

TEST(Sandbox, TheStrictestFilterCountsAndARefusedOneIsForgotten) {
  EXPECT_FALSE(sandbox::Entered());
  const sandbox::Rights none = sandbox::Enter(sandbox::kAdvice);
  EXPECT_TRUE(sandbox::Entered());
  EXPECT_TRUE(sandbox::MayAdvise());
  const sandbox::Rights first = sandbox::Enter(sandbox::kNoCalls);
  EXPECT_FALSE(sandbox::MayAdvise());
  EXPECT_TRUE(sandbox::MayReadClock());
  sandbox::Enter(sandbox::kAdvice);
  EXPECT_FALSE(sandbox::MayAdvise());
  sandbox::Enter(sandbox::kNoClock);
  EXPECT_FALSE(sandbox::MayReadClock());
  sandbox::Undo(first);
  EXPECT_TRUE(sandbox::MayAdvise());
  sandbox::Undo(none);
  EXPECT_FALSE(sandbox::Entered());
}

}  // namespace
}  // namespace perfagent
