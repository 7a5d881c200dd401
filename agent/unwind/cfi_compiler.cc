#include "agent/unwind/cfi_compiler.h"

namespace perfagent {

namespace {

using cfi::Saved;

constexpr Rule kWholeRule = {Rule::kWhole, false, false, 0, 0};

Rule RuleOf(const cfi::Row& row) {
  constexpr int64_t kReturnAddress = -8;
  constexpr int64_t kFarthest = 1 << 19;  // what rule_table packs
  const Saved& rip = row.saved[cfi::kRip];
  const Saved& rbp = row.saved[cfi::kRbp];
  if (rip.where == Saved::kUndefined) return {Rule::kEnd, false, false, 0, 0};
  const bool plain_cfa = !row.cfa_is_expression &&
                         (row.cfa_register == cfi::kRsp || row.cfa_register == cfi::kRbp) &&
                         row.cfa_offset >= 0 && row.cfa_offset < kFarthest;
  const bool plain_rip = rip.where == Saved::kAtOffset && rip.offset == kReturnAddress;
  const bool plain_rsp = row.saved[cfi::kRsp].where == Saved::kUnspecified;
  const bool rbp_saved = rbp.where == Saved::kAtOffset;
  const bool plain_rbp = (rbp_saved && rbp.offset < 0 && rbp.offset > -kFarthest) ||
                         rbp.where == Saved::kSame || rbp.where == Saved::kUnspecified;
  if (!plain_cfa || !plain_rip || !plain_rsp || !plain_rbp) return kWholeRule;
  return {Rule::kFrame, row.cfa_register == cfi::kRbp, rbp_saved,
          static_cast<int32_t>(row.cfa_offset), static_cast<int32_t>(rbp.offset)};
}

}  // namespace

Rule CompileRule(uint64_t pc, Workspace* workspace) {
  if (!eh_frame::Find(pc - 1, &workspace->function)) return {Rule::kNone, false, false, 0, 0};
  if (workspace->function.signal_frame) return kWholeRule;
  if (!workspace->program.Run(workspace->function, pc - 1)) return kWholeRule;
  return RuleOf(workspace->program.row());
}

}  // namespace perfagent
