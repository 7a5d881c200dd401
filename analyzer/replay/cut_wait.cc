#include "analyzer/replay/cut_wait.h"

#include <algorithm>
#include <tuple>

namespace perfagent {
namespace {

bool IsOfOneHolder(const HolderShare& a, const HolderShare& b) {
  return a.holder == b.holder && a.role == b.role;
}

// One share of each holder: a wait may be cut by the same code again and again.
std::vector<HolderShare> Join(const std::vector<HeldPiece>& pieces) {
  std::vector<HolderShare> shares;
  shares.reserve(pieces.size());
  for (const HeldPiece& piece : pieces) shares.push_back(piece.share);
  std::sort(shares.begin(), shares.end(), [](const HolderShare& a, const HolderShare& b) {
    return std::tie(a.holder, a.role) < std::tie(b.holder, b.role);
  });
  size_t joined = 0;
  for (const HolderShare& share : shares) {
    if (joined > 0 && IsOfOneHolder(shares[joined - 1], share)) {
      shares[joined - 1].ns += share.ns;
    } else {
      shares[joined++] = share;
    }
  }
  shares.resize(joined);
  return shares;
}

}  // namespace

CutWait Cut(uint64_t wait_ns, std::span<const KnownCut> cuts, bool begin_is_lost) {
  CutWait result;
  if (cuts.empty()) {
    result.unattributed_ns = wait_ns;
    return result;
  }
  uint64_t begin = 0;
  for (size_t i = 0; i < cuts.size(); ++i) {
    const uint64_t end = std::clamp(cuts[i].after_ns, begin, wait_ns);
    const uint64_t ns = end - begin;
    const bool is_known = cuts[i].holder != kNoStack && !(i == 0 && begin_is_lost);
    if (!is_known) {
      result.unattributed_ns += ns;
    } else if (ns > 0) {
      result.pieces.push_back({begin, {cuts[i].holder, cuts[i].role, ns}});
    }
    begin = end;
  }
  result.hand_over_ns = wait_ns - begin;
  result.holders = Join(result.pieces);
  return result;
}

}  // namespace perfagent
