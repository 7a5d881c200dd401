#include "agent/unwind/eh_frame.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>
#include <signal.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "agent/sampler.h"

// libgcc's own search: the oracle. (unwind-dw2-fde.h is not installed.)
extern "C" {
struct dwarf_eh_bases {
  void* tbase;
  void* dbase;
  void* func;
};
const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);
}

namespace perfagent {
namespace {

struct Range {
  uintptr_t begin, end;
};

std::vector<Range> ExecutableRanges() {
  std::vector<Range> ranges;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
          const uintptr_t begin = info->dlpi_addr + header.p_vaddr;
          static_cast<std::vector<Range>*>(out)->push_back({begin, begin + header.p_memsz});
        }
        return 0;
      },
      &ranges);
  return ranges;
}

TEST(EhFrame, AgreesWithLibgccOnEveryObjectOfThisProcess) {
  uint64_t random = 5;
  size_t compared = 0, without = 0;
  for (const Range& range : ExecutableRanges()) {
    for (int i = 0; i < 4000; ++i) {
      const uintptr_t pc = range.begin + sampler::NextRandom(&random) % (range.end - range.begin);
      dwarf_eh_bases bases = {};
      const void* fde = _Unwind_Find_FDE(reinterpret_cast<void*>(pc), &bases);
      eh_frame::Function found;
      ASSERT_EQ(eh_frame::Find(pc, &found), fde != nullptr) << std::hex << pc;
      if (fde == nullptr) {
        ++without;
        continue;
      }
      ASSERT_EQ(found.start, reinterpret_cast<uint64_t>(bases.func)) << std::hex << pc;
      ASSERT_LE(found.fde_program, found.fde_program_end);
      ASSERT_LE(found.cie_program, found.cie_program_end);
      ASSERT_EQ(found.return_column, 16u);
      ASSERT_EQ(found.code_align, 1u);
      ASSERT_EQ(found.data_align, -8);
      ++compared;
    }
  }
  printf("compared %zu addresses with unwind information, %zu without\n", compared, without);
  EXPECT_GT(compared, 10000u);
}

TEST(EhFrame, AddressesOutsideAllObjectsHaveNone) {
  eh_frame::Function found;
  EXPECT_FALSE(eh_frame::Find(0, &found));
  EXPECT_FALSE(eh_frame::Find(8, &found));
  EXPECT_FALSE(eh_frame::Find(~uint64_t{0}, &found));
  int on_stack = 0;
  EXPECT_FALSE(eh_frame::Find(reinterpret_cast<uint64_t>(&on_stack), &found));
}

uint64_t restorer;
void NoteRestorer(int) { restorer = reinterpret_cast<uint64_t>(__builtin_return_address(0)); }

TEST(EhFrame, SignalTrampolineIsASignalFrame) {
  // glibc's restorer is the return address of every handler.
  signal(SIGUSR1, NoteRestorer);
  raise(SIGUSR1);
  signal(SIGUSR1, SIG_DFL);
  eh_frame::Function found;
  ASSERT_TRUE(eh_frame::Find(restorer, &found));
  EXPECT_TRUE(found.signal_frame);
  ASSERT_TRUE(eh_frame::Find(reinterpret_cast<uint64_t>(&abort) + 1, &found));
  EXPECT_FALSE(found.signal_frame);
}

}  // namespace
}  // namespace perfagent
