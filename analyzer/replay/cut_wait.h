// cut_wait.h: one wait, cut at the releases that it overlapped.
//
//   begin      cut 1            cut 2    end
//   |----------|----------------|--------|
//    holder 1   holder 2         hand-over
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analyzer/model/ids.h"
#include "analyzer/model/lock_profile.h"

namespace perfagent {

// A release, by its releaser's stack; kNoStack when that is not known.
struct KnownCut {
  uint64_t after_ns;  // the wait's begin
  StackId holder;
  Role role = Role::kNone;
};

// Pieces of one wait that are due to one holder.
struct HolderShare {
  StackId holder;
  Role role;
  uint64_t ns;
};

// One of them.
struct HeldPiece {
  uint64_t begin_ns;  // after the wait's
  HolderShare share;
};

// The parts add up to the wait.
struct CutWait {
  std::vector<HeldPiece> pieces;     // by time; none of no length
  std::vector<HolderShare> holders;  // the same by stack and role
  uint64_t hand_over_ns = 0;
  uint64_t unattributed_ns = 0;
};

// With `begin_is_lost` nobody is known for what lies before the first cut. Cuts that lie outside of the wait, or before the
// one before them, are moved to where they can be.
CutWait Cut(uint64_t wait_ns, std::span<const KnownCut> cuts, bool begin_is_lost);

}  // namespace perfagent
