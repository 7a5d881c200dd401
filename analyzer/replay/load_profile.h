// load_profile.h: a dump becomes a profile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyzer/dump/dump_file.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/agent_cost.h"
#include "analyzer/model/heap_profile.h"
#include "analyzer/model/lock_profile.h"
#include "analyzer/model/process.h"
#include "analyzer/parallel/workers.h"
#include "analyzer/replay/event_view.h"
#include "analyzer/report/progress.h"

namespace perfagent {

// A dump whose segments were read once: what it defines, and where its events are.
struct LoadedDump {
  std::string path;
  DumpFile file;
  SegmentIndex index;
  Process process;
  std::vector<Damage> damage;
  size_t damage_of_definitions = 0;  // so many of them; the rest was found in the second reading

  uint64_t SkippedBytes() const;
  AgentCost Cost() const;
};

// Nullopt when the file cannot be used; *error then says why, in one line.
std::optional<LoadedDump> LoadDump(const std::string& path, Reading reading, Workers* workers,
                                   std::string* error);

struct Profile {
  LoadedDump dump;
  HeapProfile heap;
  LockProfile locks;
  EventView view;  // of which both are
};

// The second time that a dump is read (segment_reader.h). REQUIRES: the first was for definitions.
Profile ReplayDump(LoadedDump dump, EventView view, Workers* workers);
// Once more, of other events: what the dump defines stays where it is.
void Replay(EventView view, Workers* workers, Profile* profile);

// Both.
std::optional<Profile> LoadProfile(const std::string& path, Workers* workers, std::string* error);

}  // namespace perfagent
