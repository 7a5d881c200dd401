#include "analyzer/live/live_profile.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <variant>

#include "absl/strings/str_cat.h"
#include "analyzer/model/frame_kinds.h"
#include "analyzer/model/futex_locks.h"
#include "analyzer/report/lock_names.h"
#include "analyzer/report/progress.h"

namespace perfagent {
namespace {

// Of the place and its callers: as many as fit on a wide line.
constexpr size_t kMaxFrames = 8;
// Two numbers of a dump may stand for one stack, so that some more than are shown are looked at.
constexpr size_t CandidatesFor(size_t limit) { return 4 * limit + 16; }
// A second or more of any clock, in keys: what was committed later than that began before is not waited for.
constexpr TimeKey kLateness = TimeKey{1} << 33;

double ValueOf(const HeapActivity& activity, SiteOrder order) {
  switch (order) {
    case SiteOrder::kBytes:
      return activity.bytes.value();
    case SiteOrder::kCalls:
      return activity.calls.value();
    case SiteOrder::kTemporary:
      return activity.temporary.value();
    case SiteOrder::kGrowth:
      return activity.growth_bytes;
  }
  return 0;
}

Waits Difference(const Waits& all, const Waits& before) {
  return {all.contended - std::min(all.contended, before.contended),
          all.wait_ns - std::min(all.wait_ns, before.wait_ns)};
}

// From the place outwards, without what the standard library puts between.
std::vector<const SourceFrame*> FramesFromPlace(StackNames* names, StackId stack) {
  const std::vector<const SourceFrame*> all = names->Frames(stack);
  const SourceFrame* place = names->Headline(stack);
  std::vector<const SourceFrame*> frames;
  for (auto at = std::find(all.begin(), all.end(), place);
       at != all.end() && frames.size() < kMaxFrames; ++at) {
    const bool is_own = IsOwnCode((*at)->function) && !IsRuntimeModule((*at)->module);
    if (*at == place || is_own) frames.push_back(*at);
  }
  return frames;
}

}  // namespace

LiveProfile::LiveProfile(DumpFile file, const SymbolizerOptions& symbols)
    : file_(std::move(file)), tail_(&file_), symbolizer_(symbols) {
  look_.dump = file_.path();
}

void LiveProfile::BeginNow() {
  class Definitions : public DefinitionSink {
   public:
    explicit Definitions(LiveDefinitions* into) : into_(into) {}
    void OnDefinition(const Segment& segment, const Record& record) override {
      into_->Add(segment.stream, record);
    }

   private:
    LiveDefinitions* into_;
  };

  Definitions sink(&definitions_);
  Workers workers(1);  // there is one sink
  Progress progress("reading " + look_.dump, file_.size_bytes());
  const SegmentIndex index = IndexSegments(
      file_, Reading::kDefinitions, &workers,
      [&](size_t parts) { return std::vector<DefinitionSink*>(parts, &sink); },
      [](const Damage&) {}, [&](uint64_t bytes) { progress.Update(bytes); });
  skips_events_ = true;
  tail_.GoToEnd(index, this);
  skips_events_ = false;
  clock_ = definitions_.ClockOf(file_.header());
  ReadLocks();
  BeginStretch(LookAtWriter(file_), MonotonicNow());
  look_.is_live_known = false;
}

bool LiveProfile::Read(absl::FunctionRef<bool(double part)> goes_on) {
  const uint64_t now_ns = MonotonicNow();
  file_.ReadLiveFieldsAgain();
  const std::optional<RunningProcess> running = LookAtWriter(file_);
  const uint64_t bytes_before = tail_.bytes_read();
  heap_.ForgetActivity();
  if (!tail_.Read(this, goes_on)) return false;
  EndFullMode();
  clock_ = definitions_.ClockOf(file_.header());
  ReadLocks();
  BeginStretch(running, now_ns);
  look_.bytes_read = tail_.bytes_read() - bytes_before;
  look_.unreadable_bytes = tail_.unreadable_bytes();
  look_.cost_ns = MonotonicNow() - now_ns;
  return true;
}

void LiveProfile::BeginStretch(const std::optional<RunningProcess>& running, uint64_t now_ns) {
  const uint64_t start_ns = file_.header().start_monotonic_ns;
  const uint64_t last_ns = clock_.NsAt(last_time_);
  look_.facts = FactsOf(file_.header(), clock_);
  ProcessFacts& facts = look_.facts;
  look_.resident_bytes = running ? running->resident_bytes : std::nullopt;
  if (running) {
    facts.ended = Ended::kRunning;
    facts.duration_ns = std::max(last_ns, now_ns - std::min(now_ns, start_ns));
  } else if (facts.duration_ns == 0) {
    facts.duration_ns = last_ns;
  }
  look_.begin_ns = look_.end_ns;
  look_.end_ns = std::max(look_.end_ns, facts.duration_ns);
}

// The full mode's file is nearly full: blocks that no sample has are not followed any more (dump_format.h).
void LiveProfile::EndFullMode() {
  const HeaderPage& header = file_.header();
  if (header.mode != Mode::kFull || header.full_until_ticks == 0 || is_full_ended_) return;
  is_full_ended_ = true;
  heap_.Thin(KeyAt(header.full_until_ticks, true), header.full_sample_bytes);
}

void LiveProfile::OnSegment(uint32_t stream) {
  streams_[stream].interval_bytes = file_.header().interval_bytes;
  if (!heap_.HasManyEnds()) return;
  // A segment is claimed by the event it begins with: all that comes in later segments is not much older.
  const TimeKey now = KeyAt(last_time_, true);
  if (now > kLateness) heap_.ForgetEndsBefore(now - kLateness);
}

TimeKey LiveProfile::Advance(StreamState* state, uint64_t time, bool begins_block) {
  last_time_ = std::max(last_time_, time);
  // A thread's own order is true, whatever its clock says.
  state->key = std::max(state->key, KeyAt(time, begins_block));
  return state->key;
}

void LiveProfile::Begin(StreamState* state, uint64_t time, const LiveHeap::Beginning& beginning) {
  heap_.Begin(Advance(state, time, true), beginning);
  state->begun = beginning;
}

void LiveProfile::OnRecord(uint32_t stream, const Record& record) {
  StreamState& state = streams_[stream];
  if (skips_events_ && IsEvent(record)) return;
  if (const auto* alloc = std::get_if<AllocRecord>(&record)) {
    Begin(&state, alloc->time,
          {{alloc->address, alloc->size, {alloc->stack, alloc->api}},
           state.interval_bytes,
           alloc->limit});
  } else if (const auto* free = std::get_if<FreeRecord>(&record)) {
    OnFree(&state, *free);
  } else if (const auto* realloc = std::get_if<ReallocRecord>(&record)) {
    OnRealloc(&state, *realloc);
  } else if (const auto* thin = std::get_if<ThinRecord>(&record)) {
    heap_.Thin(Advance(&state, thin->time, false), thin->interval_bytes);
  } else if (!IsEvent(record)) {
    if (const auto* interval = std::get_if<IntervalRecord>(&record))
      state.interval_bytes = interval->interval_bytes;
    if (const auto* thread = std::get_if<ThreadRecord>(&record);
        thread && thread->tid != state.tid) {
      state.tid = thread->tid;
      state.begun = {};
    }
    definitions_.Add(stream, record);
  } else if (const std::optional<uint64_t> time = TimeOf(record)) {
    last_time_ = std::max(last_time_, *time);
  }
}

void LiveProfile::OnFree(StreamState* state, const FreeRecord& record) {
  const TimeKey key = Advance(state, record.time, false);
  // Where all is recorded the records say it themselves, else the agent does.
  const bool is_next = state->begun.block.address == record.address &&
                       state->begun.interval_bytes == 0 && file_.header().mode == Mode::kFull;
  if (is_next || (record.flags & kFreeTemporary) != 0) {
    heap_.CountTemporary(key, record.address, state->begun);
    state->begun = {};
  }
  heap_.End(key, record.address);
}

void LiveProfile::OnRealloc(StreamState* state, const ReallocRecord& record) {
  if ((record.flags & kReallocEndsOld) != 0 && record.old_address != 0)
    heap_.End(Advance(state, record.time, false), record.old_address);
  if ((record.flags & kReallocBeginsNew) == 0 || record.new_address == 0) return;
  uint64_t end = 0;
  if (__builtin_add_overflow(record.time, record.duration, &end)) end = record.time;
  Begin(state, end,
        {{record.new_address, record.size, {record.stack, record.api}},
         state->interval_bytes,
         record.limit});
}

void LiveProfile::ReadLocks() {
  for (auto& [key, lock] : locks_) {
    lock.recent = lock.all;  // what was, for now
    lock.all = {};
    lock.caller_ns = 0;
  }
  for (const Segment& segment : tail_.lock_tables()) {
    for (const LockTableEntry& entry : ReadLockTable(file_, clock_, segment)) {
      LockState& lock = locks_[{entry.lock, KindOf(entry.api)}];
      lock.all.Add(entry.contended, entry.wait_ns);
      if (entry.contended == 0 || entry.wait_ns < lock.caller_ns) continue;
      lock.caller = entry.caller;
      lock.caller_ns = entry.wait_ns;
    }
  }
  for (auto& [key, lock] : locks_) lock.recent = Difference(lock.all, lock.recent);
  const std::vector<OngoingEntry> ongoing = tail_.Ongoing();
  look_.threads_waiting = static_cast<size_t>(
      std::count_if(ongoing.begin(), ongoing.end(),
                    [](const OngoingEntry& wait) { return IsLock(KindOf(wait.api)); }));
}

std::vector<LiveProfile::RankedSite> LiveProfile::RankSites(SiteOrder order) const {
  std::vector<RankedSite> sites;
  for (const auto& [site, activity] : heap_.activity()) {
    if (ValueOf(activity, order) > 0) sites.emplace_back(site, activity);
  }
  std::sort(sites.begin(), sites.end(), [order](const RankedSite& a, const RankedSite& b) {
    const double value_a = ValueOf(a.second, order), value_b = ValueOf(b.second, order);
    return value_a != value_b ? value_a > value_b : a.first.stack < b.first.stack;
  });
  return sites;
}

std::vector<LiveProfile::RankedLock> LiveProfile::RankLocks() const {
  std::vector<RankedLock> locks;
  for (const auto& [key, lock] : locks_) {
    if (lock.recent.contended > 0) locks.emplace_back(key, lock);
  }
  std::sort(locks.begin(), locks.end(), [](const RankedLock& a, const RankedLock& b) {
    const auto key = [](const RankedLock& lock) {
      return std::tuple(lock.second.recent.wait_ns, lock.second.recent.contended,
                        lock.first.address);
    };
    return key(a) > key(b);
  });
  return locks;
}

void LiveProfile::MakeNames(const std::vector<RankedSite>& sites,
                            const std::vector<RankedLock>& locks) {
  std::vector<uint64_t> stacks;
  stacks.reserve(sites.size() + locks.size());
  for (const auto& [site, activity] : sites) stacks.push_back(site.stack);
  std::vector<uint64_t> addresses;
  addresses.reserve(locks.size());
  for (const auto& [key, lock] : locks) addresses.push_back(key.address);
  lock_blocks_ = heap_.BlocksAround(std::move(addresses));
  for (const auto& [address, block] : lock_blocks_) stacks.push_back(block.site.stack);
  names_.reset();
  process_.emplace(definitions_.MakeProcess(stacks, look_.facts, clock_));
  names_.emplace(*process_, &symbolizer_);
}

const LiveLook& LiveProfile::Look(SiteOrder order, size_t limit) {
  look_.heap = {};
  for (const auto& [site, activity] : heap_.activity()) look_.heap.Merge(activity);
  look_.live_bytes = heap_.live_bytes();
  look_.live_blocks = heap_.live_blocks();
  std::vector<RankedSite> sites = RankSites(order);
  look_.more_sites = sites.size();
  sites.resize(std::min(sites.size(), CandidatesFor(limit)));
  const std::vector<RankedLock> locks = RankLocks();
  MakeNames(sites, {locks.begin(),
                    locks.begin() + static_cast<std::ptrdiff_t>(std::min(locks.size(), limit))});
  LookAtSites(sites, order, limit);
  LookAtLocks(locks, limit);
  return look_;
}

void LiveProfile::LookAtSites(const std::vector<RankedSite>& sites, SiteOrder order, size_t limit) {
  std::map<std::pair<StackId, HeapApi>, HeapActivity> joined;
  for (const auto& [site, activity] : sites) {
    const StackId stack = process_->FindStack(site.stack).value_or(kNoStack);
    joined[{stack, site.api}].Merge(activity);
  }
  look_.more_sites -= sites.size() - joined.size();
  look_.sites.clear();
  for (const auto& [site, activity] : joined)
    look_.sites.push_back({FramesFromPlace(&*names_, site.first), site.second, activity});
  std::stable_sort(look_.sites.begin(), look_.sites.end(),
                   [order](const SiteActivity& a, const SiteActivity& b) {
                     return ValueOf(a.heap, order) > ValueOf(b.heap, order);
                   });
  look_.sites.resize(std::min(look_.sites.size(), limit));
  look_.more_sites -= look_.sites.size();
}

void LiveProfile::LookAtLocks(const std::vector<RankedLock>& locks, size_t limit) {
  look_.lock_waits = {};
  look_.other_waits = {};
  look_.locks.clear();
  for (const RankedLock& lock : locks) {
    const Waits& waits = lock.second.recent;
    const bool is_lock = IsLockNow(lock);
    (is_lock ? look_.lock_waits : look_.other_waits).Add(waits.contended, waits.wait_ns);
    if (look_.locks.size() < limit) look_.locks.push_back({NameOf(lock), is_lock, waits});
  }
  look_.more_locks = locks.size() - look_.locks.size();
}

// Of a futex only its waiters' code can say so.
bool LiveProfile::IsLockNow(const RankedLock& lock) {
  const auto& [key, state] = lock;
  if (key.kind != LockKind::kFutex) return IsLock(key.kind);
  const Frame caller = {state.caller, process_->ModuleAt(state.caller - 1)};
  return names_->AnyAt(caller,
                       [](const SourceFrame& frame) { return IsLockFunction(frame.function); });
}

std::string LiveProfile::NameOf(const RankedLock& ranked) {
  const auto& [key, state] = ranked;
  Lock lock{.address = key.address, .kind = key.kind};
  if (const auto found = lock_blocks_.find(key.address); found != lock_blocks_.end()) {
    const LiveBlock& block = found->second;
    const StackId stack = process_->FindStack(block.site.stack).value_or(kNoStack);
    lock.allocation = LockAllocation{stack, key.address - block.address, block.size};
  }
  if (std::string(LockNamedBy(lock, &*names_)) != "first_wait") return LockName(lock, &*names_);
  return absl::StrCat(LockName(lock, &*names_), ", waited for in ",
                      names_->Headline(state.caller)->function);
}

}  // namespace perfagent
