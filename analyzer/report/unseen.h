// unseen.h: what a recording could not see, in numbers.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "analyzer/model/event_stacks.h"
#include "analyzer/replay/load_profile.h"

namespace perfagent {

struct Unseen {
  std::set<std::string> bypassed_by;  // objects whose malloc comes before the agent's
  std::set<std::string> objects;      // loaded ones whose malloc calls pass the agent by
  EventStacks stacks;
  uint64_t unpaired_frees = 0;  // of blocks whose beginning was not seen
  uint64_t unpaired_reallocs = 0;
  uint64_t overlaps = 0;  // blocks whose end was not seen: another one began there
  uint64_t repaired_inversions = 0;
  uint64_t reentered = 0;  // events of signal handlers that interrupted the agent
  uint64_t quiet_children = 0;
  uint64_t sandboxed = 0;
  bool paused = false;  // now
  std::set<std::string>
      recorders;  // other tools, which know nothing of threads, locks and the agent
  std::set<uint64_t> other_intervals;  // means that came after ProcessFacts::interval_bytes

  void Merge(const Unseen& other);
  // True when each allocation and free of the program reached the agent, as far as it can tell.
  bool SeesTheWholeHeap() const;
  // The program defines malloc, and no event came from elsewhere.
  bool HidesTheHeap(const HeapProfile& heap) const;
};

Unseen UnseenIn(const Profile& profile);

// What there is to say and the report says nowhere else (it lists losses and intervals): a line for
// each thing, with at most `limit` names in it; escaped.
std::vector<std::string> UnseenLines(const Unseen& unseen, uint64_t limit);

// ", then changed to a mean of 4.00 KiB to 1.00 MiB between samples"; empty when it was not.
std::string OtherIntervals(const Unseen& unseen);

}  // namespace perfagent
