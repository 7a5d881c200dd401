// live_profile.h: a running process as its dump shows it, from look to look.
//
// A look costs what was written since the one before; the first one reads all that was recorded so far, because what is
// live may have been allocated at any time.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "analyzer/dump/dump_tail.h"
#include "analyzer/dump/liveness.h"
#include "analyzer/live/live_definitions.h"
#include "analyzer/live/live_heap.h"
#include "analyzer/model/lock_profile.h"
#include "analyzer/model/process.h"
#include "analyzer/model/stack_names.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

enum class SiteOrder { kBytes, kCalls, kTemporary, kGrowth };

struct SiteActivity {
  std::vector<const SourceFrame*> frames;  // from the place outwards; empty: not known
  HeapApi api = HeapApi::kMalloc;
  HeapActivity heap = {};
};

struct LockActivity {
  std::string name;
  bool is_lock = false;
  Waits waits = {};
};

// What happened since the look before, or, at the first one, since the process's start.
struct LiveLook {
  ProcessFacts facts = {};
  std::string dump = {};
  uint64_t begin_ns = 0;  // since the process's start
  uint64_t end_ns = 0;
  HeapActivity heap = {};
  Tally live_bytes = {};
  Tally live_blocks = {};
  bool is_live_known = true;
  std::vector<SiteActivity> sites = {};  // the busiest ones
  size_t more_sites = 0;
  Waits lock_waits = {};                 // for locks
  Waits other_waits = {};                // for conditions and the like
  std::vector<LockActivity> locks = {};  // those that were waited for longest
  size_t more_locks = 0;
  size_t threads_waiting = 0;                   // for locks, now
  std::optional<uint64_t> resident_bytes = {};  // now; nullopt: not known
  uint64_t bytes_read = 0;
  uint64_t unreadable_bytes = 0;  // so far
  uint64_t cost_ns = 0;           // of reading
};

class LiveProfile : private TailSink {
 public:
  LiveProfile(DumpFile file, const SymbolizerOptions& symbols);

  // Instead of the first Read: what was recorded so far is not looked at, but for what it defines. What is live is not
  // known then.
  void BeginNow();
  // Reads what was recorded since the last call, and begins a new stretch of time. False: see DumpTail::Read.
  bool Read(absl::FunctionRef<bool(double part)> goes_on);
  // Of the last stretch: so many sites and locks at most. What it says of frames is valid until the next call.
  const LiveLook& Look(SiteOrder order, size_t limit);

  // As it was before the last Read: then what was read is all there is.
  bool has_ended() const { return look_.facts.ended != Ended::kRunning; }

 private:
  struct StreamState {
    uint64_t tid = 0;
    TimeKey key = 0;
    uint64_t interval_bytes = 0;
    LiveHeap::Beginning begun = {};  // the last one, if no more has come of it
  };
  struct LockKey {
    uint64_t address;
    LockKind kind;

    friend bool operator==(const LockKey&, const LockKey&) = default;
    template <typename H>
    friend H AbslHashValue(H hash, const LockKey& key) {
      return H::combine(std::move(hash), key.address, key.kind);
    }
  };
  struct LockState {
    Waits all = {};
    Waits recent = {};
    uint64_t caller = 0;  // the one that waited longest
    uint64_t caller_ns = 0;
  };
  using RankedSite = std::pair<LiveSite, HeapActivity>;
  using RankedLock = std::pair<LockKey, LockState>;

  void OnSegment(uint32_t stream) override;
  void OnRecord(uint32_t stream, const Record& record) override;
  void Begin(StreamState* state, uint64_t time, const LiveHeap::Beginning& beginning);
  void OnFree(StreamState* state, const FreeRecord& record);
  void OnRealloc(StreamState* state, const ReallocRecord& record);
  TimeKey Advance(StreamState* state, uint64_t time, bool begins_block);
  void EndFullMode();
  void ReadLocks();
  void BeginStretch(const std::optional<RunningProcess>& running, uint64_t now_ns);

  std::vector<RankedSite> RankSites(SiteOrder order) const;
  std::vector<RankedLock> RankLocks() const;
  // With names for these.
  void MakeNames(const std::vector<RankedSite>& sites, const std::vector<RankedLock>& locks);
  void LookAtSites(const std::vector<RankedSite>& sites, SiteOrder order, size_t limit);
  void LookAtLocks(const std::vector<RankedLock>& locks, size_t limit);
  bool IsLockNow(const RankedLock& lock);
  std::string NameOf(const RankedLock& lock);

  DumpFile file_;
  DumpTail tail_;
  Symbolizer symbolizer_;
  LiveDefinitions definitions_;
  LiveHeap heap_;
  absl::flat_hash_map<uint32_t, StreamState> streams_;
  bool skips_events_ = false;
  bool is_full_ended_ = false;
  uint64_t last_time_ = 0;  // ticks
  ClockMap clock_;
  absl::flat_hash_map<LockKey, LockState> locks_;
  LiveLook look_;
  // Of the last look: the blocks that its locks are in, by the locks' addresses, and what its frames belong to.
  absl::flat_hash_map<uint64_t, LiveBlock> lock_blocks_;
  std::optional<Process> process_;
  std::optional<StackNames> names_;
};

}  // namespace perfagent
