// process.h: what a dump says about its process: its header, threads, modules and stacks.
//
// Threads: built by one thread, then only read.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/lock_homes.h"
#include "analyzer/model/stack_trie.h"
#include "analyzer/symbols/symbolizer.h"
#include "perfagent/dump_format.h"
#include "perfagent/event_codec.h"

namespace perfagent {

enum class Ended { kExited, kKilled, kRunning };

// Full mode, whose file was nearly full at `time_ns`: from then on it sampled.
struct FullEnd {
  uint64_t time_ns = 0;
  uint64_t interval_bytes = 0;  // with which the blocks live then count
};

struct LossCount {
  std::string cause;
  std::string things;  // what is counted: "events", "children"
  std::string text;
  uint64_t count = 0;
};

struct ProcessFacts {
  std::string executable;
  std::string command_line;
  std::string host;
  std::string allocator;    // the object whose malloc serves the program
  std::string bypassed_by;  // the object whose malloc comes before the agent's; mostly empty
  uint32_t pid = 0;
  uint32_t parent_pid = 0;
  Mode mode = Mode::kFull;
  std::optional<FullEnd> full_end;
  Ended ended = Ended::kKilled;
  std::optional<int32_t> exit_status;  // as a parent sees it; none when it is not known
  uint64_t start_realtime_ns = 0;
  uint64_t duration_ns = 0;
  uint64_t interval_bytes = 0;    // at start; 0: every block
  bool interval_is_auto = false;  // chosen by the agent as it runs
  uint64_t budget_ppm = 0;        // of the CPU time, for that choice
  uint64_t cpu_ns = 0;            // as last read; 0: never
  uint64_t wait_interval_ns = 0;
  uint64_t acquire_interval = 0;
  uint64_t seed = 0;
  uint64_t max_size_bytes = 0;
  uint32_t max_frames = 0;
  bool heap_enabled = false;
  bool locks_enabled = false;
  bool paused = false;
  // What made the recording, where it was not the agent: "heaptrack 1.4.0". It says itself which frees were temporary.
  std::string recorder;
  std::vector<LossCount> losses;  // those that happened, in the order of Loss

  // Was anything sampled, and is what ended at `time_ns`?
  bool IsSampled() const { return mode == Mode::kSample || full_end; }
  bool IsSampledAt(uint64_t time_ns) const {
    return mode == Mode::kSample || (full_end && time_ns > full_end->time_ns);
  }
  uint64_t TotalLost() const;
  uint64_t Lost(Loss cause) const;
};

// The header's facts. `duration_ns` is known only of a process that exited.
ProcessFacts FactsOf(const HeaderPage& header, const ClockMap& clock);

struct Thread {
  uint32_t stream = 0;
  uint64_t tid = 0;
  std::string name;
  uint64_t begin_ns = 0;
};

// What the program said with perfagent_mark.
struct Mark {
  uint64_t time_ns = 0;
  std::string text;
};

// Names by return address, innermost inlined function first.
using FrameNames = absl::flat_hash_map<uint64_t, std::vector<SourceFrame>>;

class Process {
 public:
  ProcessFacts facts;

  // Where another tool's recording has them; null: they are to be looked up. Valid as long as this.
  const std::vector<SourceFrame>* NamesAt(uint64_t pc) const {
    const auto found = names_.find(pc);
    return found == names_.end() ? nullptr : &found->second;
  }
  void SetNames(FrameNames names) { names_ = std::move(names); }

  // Those of one stream by time; one that was renamed is there with each of its names.
  const std::vector<Thread>& threads() const { return threads_; }
  // That recorded something, by their ids.
  size_t thread_count() const { return thread_at_.size(); }
  // Of the last thread with that id; empty when there was none.
  std::string_view ThreadName(uint64_t tid) const;
  const std::vector<ModuleImage>& modules() const { return modules_; }
  // One more than the greatest StackId.
  size_t stack_count() const { return stacks_.size(); }
  const std::vector<Mark>& marks() const { return marks_; }  // by time
  // Loaded objects whose malloc calls do not reach the agent, by path.
  const std::vector<std::string>& unseen_objects() const { return unseen_objects_; }
  const LockHomes& lock_homes() const { return lock_homes_; }
  // Means that blocks were sampled with besides ProcessFacts::interval_bytes and FullEnd's, ascending.
  const std::vector<uint64_t>& other_intervals() const { return other_intervals_; }

  // Leaf first. Empty for kNoStack.
  std::vector<Frame> Frames(StackId stack) const { return stacks_.Frames(stack); }
  // One of each module that is on stacks, first those with the most code there.
  std::vector<Frame> FrameOfEachModule() const;
  bool IsTruncated(StackId stack) const { return stacks_.IsTruncated(stack); }
  // By StackId: those with a frame for which `matches` is true.
  std::vector<bool> StacksWith(absl::FunctionRef<bool(const Frame&)> matches) const {
    return stacks_.With(matches);
  }
  // The stack of an id in the dump; nullopt when the dump does not define it.
  std::optional<StackId> FindStack(uint64_t dump_id) const { return stacks_.Find(dump_id); }
  const KnownStack& LookUpStack(uint64_t dump_id) const { return stacks_.Look(dump_id); }
  // The module at an address in the last epoch that has one there.
  std::optional<ModuleId> ModuleAt(uint64_t address) const;

 private:
  friend class ProcessBuilder;
  static constexpr uint64_t kNoUnload = std::numeric_limits<uint64_t>::max();
  // A module's stay at one place: load_epoch <= epoch < unload_epoch.
  struct Mapping {
    uint64_t start = 0;
    uint64_t end = 0;
    uint64_t load_epoch = 0;
    uint64_t unload_epoch = kNoUnload;
    ModuleId module;
  };
  // The mappings that begin at one address: any number, where a plugin is loaded again and again.
  struct Place {
    uint64_t start = 0;
    size_t first_mapping = 0;
    size_t end_mapping = 0;
    uint64_t furthest_end = 0;  // the greatest `end` at this place and those before it
  };
  // Places below an address that a search looks at: more only overlap in a hostile dump.
  static constexpr int kMaxPlaces = 256;

  std::optional<StackId> FindLargeId(uint64_t dump_id) const;
  std::optional<ModuleId> ModuleAt(uint64_t address, uint64_t epoch) const;
  // The last mapping at the place that was loaded by `epoch`, if it contains the address.
  const Mapping* MappingAt(const Place& place, uint64_t address, uint64_t epoch) const;
  // Calls visit(place) for places that may reach to the address, nearest first, until it is false.
  template <typename Visit>
  void VisitPlacesBelow(uint64_t address, Visit visit) const;

  std::vector<Thread> threads_;
  absl::flat_hash_map<uint64_t, size_t> thread_at_;  // index in threads_, by id
  std::vector<ModuleImage> modules_;
  std::vector<Mapping> mappings_;  // by start, then by load epoch
  std::vector<Place> places_;      // by start
  StackTrie stacks_;
  std::vector<Mark> marks_;
  std::vector<std::string> unseen_objects_;
  LockHomes lock_homes_;
  std::vector<uint64_t> other_intervals_;
  FrameNames names_;
};

// Collects a dump's definitions, then puts a Process together.
class ProcessBuilder : public DefinitionSink {
 public:
  void OnDefinition(const Segment& segment, const Record& record) override;
  // What a later part of the dump defines.
  void Append(ProcessBuilder&& later);
  Process Build(ProcessFacts facts, const ClockMap& clock);

 private:
  struct Load {
    uint64_t epoch;
    ModuleImage image;
  };
  struct Unload {
    uint64_t epoch;
    uint64_t start;
  };

  void Add(const Segment& segment, const ThreadRecord& record);
  void Add(const Segment& segment, const ModuleLoadRecord& record);
  void Add(const Segment& segment, const ModuleUnloadRecord& record);
  void Add(const Segment& segment, const StackRecord& record);
  void Add(const Segment& segment, const IntervalRecord& record);
  void Add(const Segment& segment, const MarkRecord& record);
  void Add(const Segment& segment, const UnseenRecord& record);
  void Add(const Segment&, const LockFrameRecord& record) { lock_homes_.Add(record); }
  void Add(const Segment&, const LockMappingRecord& record) { lock_homes_.Add(record); }
  template <typename Event>
  void Add(const Segment&, const Event&) {}
  void ConvertTimes(const ClockMap& clock);
  void BuildModules(Process* process);
  static void BuildPlaces(Process* process);
  void BuildStacks(Process* process);

  std::vector<Thread> threads_;  // their times and those of marks_ are ticks until Build
  std::vector<Load> loads_;
  std::vector<Unload> unloads_;
  std::vector<StackDefinition> stacks_;
  std::vector<uint64_t> pcs_;
  std::vector<Mark> marks_;
  std::set<std::string> unseen_objects_;
  LockHomes lock_homes_;
  std::set<uint64_t> intervals_;
};

}  // namespace perfagent
