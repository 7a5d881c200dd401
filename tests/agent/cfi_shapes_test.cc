// Frames that compilers rarely make, written by hand: the whole walk must find their callers as libunwind does.

#define UNW_LOCAL_ONLY
#include <gtest/gtest.h>
#include <libunwind.h>

#include <vector>

#include "agent/unwind/whole_walk.h"

// Each calls its argument, from a frame whose caller is found in its own way.
#define SHAPE(name, body)                                                                      \
  extern "C" void name(void (*callee)());                                                      \
  asm(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n.cfi_startproc\n" body \
      ".cfi_endproc\n.size " #name ", .-" #name "\n")

// The CFA is the value of an expression: rbp + 16.
SHAPE(CfaByExpression,
      "push %rbp\n .cfi_def_cfa_offset 16\n .cfi_offset %rbp, -16\n"
      "mov %rsp, %rbp\n .cfi_escape 0x0f, 2, 0x76, 16\n"
      "sub $64, %rsp\n call *%rdi\n"
      "leave\n .cfi_def_cfa %rsp, 8\n ret\n");
// Neither rsp nor rbp says where the frame is.
SHAPE(CfaInR12,
      "push %r12\n .cfi_def_cfa_offset 16\n .cfi_offset %r12, -16\n"
      "mov %rsp, %r12\n .cfi_def_cfa_register %r12\n"
      "sub $1032, %rsp\n and $-64, %rsp\n call *%rdi\n"
      "mov %r12, %rsp\n .cfi_def_cfa_register %rsp\n"
      "pop %r12\n .cfi_def_cfa_offset 8\n ret\n");
// The caller's rbx is not saved but known: the CFA itself, less 8 (DW_CFA_val_offset). The frame around it needs it.
SHAPE(RbxByValOffset,
      "lea (%rsp), %rax\n push %rbx\n .cfi_def_cfa_offset 16\n .cfi_escape 0x14, 3, 1\n"
      "xor %ebx, %ebx\n call *%rdi\n"
      "pop %rbx\n .cfi_def_cfa_offset 8\n .cfi_same_value %rbx\n ret\n");
SHAPE(CfaInRbx,
      "push %rbx\n .cfi_def_cfa_offset 16\n .cfi_offset %rbx, -16\n"
      "sub $32, %rsp\n lea -8(%rsp), %rbx\n .cfi_def_cfa %rbx, 56\n"
      "call RbxByValOffset\n"
      "add $32, %rsp\n .cfi_def_cfa %rsp, 16\n"
      "pop %rbx\n .cfi_def_cfa_offset 8\n ret\n");
// The call comes behind another way out, whose rules are not its own; an argument's size changes no rule.
SHAPE(AfterARestoredState,
      "push %rbp\n .cfi_def_cfa_offset 16\n .cfi_offset %rbp, -16\n"
      "test %rdi, %rdi\n jne 1f\n"
      ".cfi_remember_state\n pop %rbp\n .cfi_def_cfa_offset 8\n .cfi_restore %rbp\n ret\n"
      "1: .cfi_restore_state\n"
      "push %rdi\n .cfi_def_cfa_offset 24\n push %rdi\n .cfi_def_cfa_offset 32\n"
      ".cfi_escape 0x2e, 16\n call *%rdi\n"
      "add $16, %rsp\n .cfi_def_cfa_offset 16\n"
      "pop %rbp\n .cfi_def_cfa_offset 8\n ret\n");
// rbp lies far from where frames usually keep it.
SHAPE(RbpSavedFarAway,
      "sub $40000, %rsp\n .cfi_def_cfa_offset 40008\n"
      "mov %rbp, (%rsp)\n .cfi_offset %rbp, -40008\n"
      "mov $1, %ebp\n sub $8, %rsp\n .cfi_def_cfa_offset 40016\n call *%rdi\n"
      "add $8, %rsp\n .cfi_def_cfa_offset 40008\n mov (%rsp), %rbp\n .cfi_restore %rbp\n"
      "add $40000, %rsp\n .cfi_def_cfa_offset 8\n ret\n");
// What an outermost function says.
SHAPE(WithoutCaller,
      "sub $8, %rsp\n .cfi_def_cfa_offset 16\n .cfi_undefined %rip\n call *%rdi\n"
      "add $8, %rsp\n .cfi_def_cfa_offset 8\n ret\n");

namespace perfagent {
namespace {

using Pcs = std::vector<uint64_t>;

constexpr size_t kMost = 512;
size_t walks, frames;
bool truncated;
Pcs callers;
// libunwind's local mode has no place for a value that is nowhere in memory: after two frames it knows no rbx.
bool ends_early;

[[gnu::noinline]] void CompareWalksHere() {
  const whole_walk::Registers registers = whole_walk::Capture();
  unw_context_t context;
  unw_getcontext(&context);
  unw_cursor_t cursor;
  unw_init_local(&cursor, &context);
  Pcs expected;
  while (unw_step(&cursor) > 0) {
    unw_word_t pc = 0;
    unw_get_reg(&cursor, UNW_REG_IP, &pc);
    if (pc == 0) break;
    expected.push_back(pc);
  }
  static Workspace workspace;
  uint64_t pcs[kMost];
  const whole_walk::Walk walk = whole_walk::Run(registers, &workspace, pcs, kMost);
  ++walks;
  frames = walk.count;
  truncated = walk.truncated;
  // The first is this function itself, at another instruction.
  callers.assign(pcs + 1, pcs + walk.count);
  EXPECT_EQ(ends_early ? Pcs(callers.begin(), callers.begin() + 2) : callers, expected);
}

class CfiShapes : public testing::Test {
 protected:
  static void ExpectToTheStart(void (*shape)(void (*)())) {
    walks = 0;
    shape(CompareWalksHere);
    EXPECT_EQ(walks, 1u);
    EXPECT_GT(frames, 5u);
    EXPECT_FALSE(truncated);
  }
};

TEST_F(CfiShapes, CfaByExpression) { ExpectToTheStart(CfaByExpression); }
TEST_F(CfiShapes, CfaInR12) { ExpectToTheStart(CfaInR12); }
TEST_F(CfiShapes, CfaInRbxThatOnlyItsCalleeKnows) {
  ExpectToTheStart(CfaByExpression);
  const Pcs by_libunwind = callers;
  ends_early = true;
  ExpectToTheStart(CfaInRbx);
  ends_early = false;
  EXPECT_EQ(callers.size(), by_libunwind.size() + 1);
  // From this test's caller on.
  const auto rest = static_cast<std::ptrdiff_t>(by_libunwind.size()) - 3;
  EXPECT_EQ(Pcs(callers.end() - rest, callers.end()),
            Pcs(by_libunwind.end() - rest, by_libunwind.end()));
}
TEST_F(CfiShapes, AfterARestoredState) { ExpectToTheStart(AfterARestoredState); }
TEST_F(CfiShapes, RbpSavedFarAway) { ExpectToTheStart(RbpSavedFarAway); }
TEST_F(CfiShapes, UndefinedReturnAddressIsTheEnd) {
  WithoutCaller(CompareWalksHere);
  EXPECT_EQ(frames, 2u);
  EXPECT_FALSE(truncated);
}

}  // namespace
}  // namespace perfagent
