#include "analyzer/replay/load_profile.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analyzer/dump/liveness.h"
#include "analyzer/import/heaptrack_import.h"
#include "analyzer/replay/heap_replay.h"
#include "analyzer/replay/lock_replay.h"

namespace perfagent {
namespace {

// How the process ended and for how long it ran, as far as the header alone does not say.
void SetEnd(const DumpFile& file, uint64_t last_time_ns, ProcessFacts* facts) {
  if (facts->ended == Ended::kExited) return;
  facts->duration_ns = last_time_ns;
  if (!IsBeingWritten(file)) return;
  facts->ended = Ended::kRunning;
  const uint64_t start = file.header().start_monotonic_ns;
  const uint64_t now = MonotonicNow();
  facts->duration_ns = std::max(last_time_ns, now - std::min(now, start));
}

std::vector<LockTableEntry> ReadLockTables(const LoadedDump& dump) {
  std::vector<LockTableEntry> entries;
  for (const Segment& segment : dump.index.lock_tables) {
    const std::vector<LockTableEntry> more = ReadLockTable(dump.file, dump.index.clock, segment);
    entries.insert(entries.end(), more.begin(), more.end());
  }
  return entries;
}

// A dump, or another tool's recording, made one: then also what that was.
struct Opened {
  DumpFile file;
  FrameNames names = {};
  std::string recorder = {};
  std::vector<std::string> damage = {};
};

std::optional<Opened> Open(const std::string& path, std::string* error) {
  if (!LooksLikeHeaptrack(path)) {
    std::optional<DumpFile> file = DumpFile::Open(path, error);
    return file ? std::optional(Opened{*std::move(file)}) : std::nullopt;
  }
  std::optional<ImportedDump> imported = ImportHeaptrack(path, error);
  if (!imported) return std::nullopt;
  return Opened{std::move(imported->file), std::move(imported->names),
                std::move(imported->recorder), std::move(imported->damage)};
}

}  // namespace

uint64_t LoadedDump::SkippedBytes() const {
  uint64_t bytes = 0;
  for (const Damage& place : damage) bytes += place.skipped_bytes;
  return bytes;
}

AgentCost LoadedDump::Cost() const {
  const uint64_t segments = index.event_segments + index.lock_tables.size();
  return {.slow_path_ns = index.clock.SumNs(index.agent_ticks),
          .cpu_ns = process.facts.cpu_ns,
          .bytes_written = kHeaderBytes + segments * sizeof(SegmentHeader) + index.event_bytes +
                           index.lock_tables.size() * kSegmentPayload,
          .free_lookups = index.lookups,
          .whole_walk_frames = index.whole_walk_frames};
}

std::optional<LoadedDump> LoadDump(const std::string& path, Reading reading, Workers* workers,
                                   std::string* error) {
  std::optional<Opened> opened = Open(path, error);
  if (!opened) return std::nullopt;
  DumpFile* file = &opened->file;
  std::vector<Damage> damage;
  for (std::string& what : opened->damage) damage.push_back({path, 0, std::move(what), 0});
  std::vector<ProcessBuilder> parts;
  Progress progress("reading " + path, file->size_bytes());
  SegmentIndex index = IndexSegments(
      *file, reading, workers,
      [&](size_t count) {
        parts.resize(count);
        std::vector<DefinitionSink*> sinks;
        sinks.reserve(count);
        for (ProcessBuilder& part : parts) sinks.push_back(&part);
        return sinks;
      },
      [&](Damage place) { damage.push_back(std::move(place)); },
      [&](uint64_t bytes) { progress.Update(bytes); });
  // Only now: had the process begun to sample meanwhile, the events would be more than its header says.
  file->ReadLiveFieldsAgain();
  ProcessBuilder builder;
  for (ProcessBuilder& part : parts) builder.Append(std::move(part));
  ProcessFacts facts = FactsOf(file->header(), index.clock);
  SetEnd(*file, index.last_time_ns, &facts);
  facts.recorder = std::move(opened->recorder);
  Process process = builder.Build(std::move(facts), index.clock);
  process.SetNames(std::move(opened->names));
  const size_t places = damage.size();
  return LoadedDump{
      path, std::move(*file), std::move(index), std::move(process), std::move(damage), places};
}

std::optional<Profile> LoadProfile(const std::string& path, Workers* workers, std::string* error) {
  std::optional<LoadedDump> dump = LoadDump(path, Reading::kDefinitions, workers, error);
  if (!dump) return std::nullopt;
  return ReplayDump(*std::move(dump), EventView(), workers);
}

Profile ReplayDump(LoadedDump dump, EventView view, Workers* workers) {
  Profile profile{std::move(dump), {}, {}, {}};
  Replay(std::move(view), workers, &profile);
  return profile;
}

void Replay(EventView view, Workers* workers, Profile* profile) {
  LoadedDump& dump = profile->dump;
  const std::vector<LockTableEntry> tables = ReadLockTables(dump);
  LockReplay locks(dump.process, !view.IsEverything(), LockAddresses(tables, dump.index.ongoing));
  const bool full = dump.process.facts.mode == Mode::kFull;
  for (const Stream& stream : dump.index.streams) {
    for (const Segment& segment : stream.segments) {
      if (full) locks.OnAcquisitions(segment.acquisitions);
    }
  }
  Progress progress("replaying " + dump.path, dump.index.event_segments);
  std::vector<Damage> damage;
  profile->heap = ReplayEvents(
      dump.file, dump.index, dump.process, view, workers, &locks,
      [&](Damage place) { damage.push_back(std::move(place)); },
      [&](uint64_t done) { progress.Update(done); });
  std::sort(damage.begin(), damage.end(),
            [](const Damage& a, const Damage& b) { return a.offset < b.offset; });
  // Only now it is known which locks there were. What is going on at the end is no matter of an earlier time.
  if (dump.process.facts.duration_ns < view.until_ns) {
    for (const OngoingEntry& wait : dump.index.ongoing) locks.OnUnended(wait);
  }
  locks.OnTables(tables);
  profile->locks = locks.Finish();
  profile->view = std::move(view);
  const uint64_t undefined = profile->heap.undefined_stacks + profile->locks.undefined_stacks;
  if (undefined > 0) {
    damage.push_back({dump.path, 0,
                      absl::StrCat(undefined, " events name stacks that the file does not define"),
                      0});
  }
  dump.damage.resize(dump.damage_of_definitions);
  dump.damage.insert(dump.damage.end(), damage.begin(), damage.end());
}

}  // namespace perfagent
