#include "agent/unwind/cfi_compiler.h"

namespace perfagent {

namespace {

using cfi::Saved;

constexpr Rule kWholeRule = {Rule::kWhole, false, false, 0, 0};

constexpr int64_t kReturnAddress = -8;
constexpr int64_t kFarthest = 1 << 19;  // what rule_table packs

constexpr uint8_t kDeref = 0x06, kBregRbp = 0x76;  // DWARF 5, 7.7.1

// Is it the address rbp + offset, with `tail` operations behind?
bool IsRbpPlus(cfi::Expression expression, size_t tail, int64_t* offset) {
  dwarf::Reader reader(expression.begin, expression.end);
  if (reader.Get<uint8_t>() != kBregRbp) return false;
  *offset = reader.Sleb();
  return reader.ok() && reader.at() + tail == expression.end;
}

// What GCC makes of a function that aligns its frame (DRAP): rbp is the frame's base, below it lies where the caller's
// frame ends.
bool IsRealigned(const cfi::Row& row, int64_t* cfa_slot) {
  const Saved& rbp = row.saved[cfi::kRbp];
  int64_t rbp_slot;
  if (!row.cfa_is_expression || rbp.where != Saved::kAtExpression) return false;
  if (!IsRbpPlus(row.cfa_expression, 1, cfa_slot) || !IsRbpPlus(rbp.expression(), 0, &rbp_slot))
    return false;
  dwarf::Reader last(row.cfa_expression.end - 1, row.cfa_expression.end);
  return last.Get<uint8_t>() == kDeref && rbp_slot == 0 && *cfa_slot <= 0 && *cfa_slot > -kFarthest;
}

Rule RuleOf(const cfi::Row& row) {
  const Saved& rip = row.saved[cfi::kRip];
  const Saved& rbp = row.saved[cfi::kRbp];
  if (rip.where == Saved::kUndefined) return {Rule::kEnd, false, false, 0, 0};
  const bool plain_cfa = !row.cfa_is_expression &&
                         (row.cfa_register == cfi::kRsp || row.cfa_register == cfi::kRbp) &&
                         row.cfa_offset >= 0 && row.cfa_offset < kFarthest;
  const bool plain_rip = rip.where == Saved::kAtOffset && rip.offset == kReturnAddress;
  const bool plain_rsp = row.saved[cfi::kRsp].where == Saved::kUnspecified;
  int64_t cfa_slot;
  if (plain_rip && plain_rsp && IsRealigned(row, &cfa_slot))
    return {Rule::kRealigned, true, true, static_cast<int32_t>(-cfa_slot), 0};
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
