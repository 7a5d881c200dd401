// match.h: which thing of one side is which of the other?
//
// By its key (thing_names.h). Where a key has several things that only lines tell apart:
//
//   all their files are the same builds, or the lines are the same     line by line
//   both sides recorded everything and have equally many               in the order of the lines: they have shifted
//   else                                                               all of the key together: nothing says which is which
//
// In sampled mode lines that were not seen must not shift the others, hence the second condition.
#pragma once

#include <optional>
#include <vector>

#include "analyzer/compare/figures.h"

namespace perfagent {

struct Match {
  std::optional<Thing> base;  // one of the two may be missing
  std::optional<Thing> now;

  const Thing& either() const { return now ? *now : *base; }
};

// Takes the things out of both sides.
std::vector<Match> MatchThings(Side* base, Side* now);

}  // namespace perfagent
