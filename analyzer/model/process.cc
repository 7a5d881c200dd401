#include "analyzer/model/process.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <map>
#include <tuple>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

struct LossText {
  Loss loss;
  const char* cause;
  const char* text;
};

const char* ThingsLostBy(Loss loss) {
  switch (loss) {
    case Loss::kQuietChild:
      return "children";
    case Loss::kThreadSlots:
      return "threads";
    case Loss::kNoStack:
      return "stacks";
    case Loss::kModuleTableFull:
      return "objects";
    default:
      return "events";
  }
}

constexpr LossText kLossTexts[] = {
#define PERFAGENT_LOSS_TEXT(id, name, help) {Loss::id, name, help},
    PERFAGENT_LOSSES(PERFAGENT_LOSS_TEXT)
#undef PERFAGENT_LOSS_TEXT
};

std::vector<LossCount> LossesOf(const HeaderPage& header) {
  std::vector<LossCount> losses;
  for (size_t i = 0; i < kLossSlots; ++i) {
    const uint64_t count = header.losses[i];
    if (count == 0) continue;
    if (i < kLossCount) {
      const LossText& known = kLossTexts[i];
      losses.push_back({known.cause, ThingsLostBy(known.loss), known.text, count});
    } else {
      losses.push_back(
          {absl::StrCat("cause_", i), "events", "cause that a newer agent knows", count});
    }
  }
  return losses;
}

template <size_t N>
std::string TextField(const char (&field)[N]) {
  return std::string(field, strnlen(field, N));
}

// Ids above this are kept in a map, so that one hostile id cannot ask for gigabytes.
uint64_t SmallIdLimit(size_t stacks) { return uint64_t{stacks} * 4 + 1024; }

// A view of a stack's frames as a hash key; equal content is one stack.
struct StackKey {
  std::span<const Frame> frames;
  bool truncated;

  friend bool operator==(const StackKey& a, const StackKey& b) {
    return a.truncated == b.truncated &&
           std::equal(a.frames.begin(), a.frames.end(), b.frames.begin(), b.frames.end());
  }
  template <typename H>
  friend H AbslHashValue(H hash, const StackKey& key) {
    for (const Frame& frame : key.frames) hash = H::combine(std::move(hash), frame);
    return H::combine(std::move(hash), key.frames.size(), key.truncated);
  }
};

// The frames looked up last: a program has few, and a hostile dump cannot make this grow.
class FrameCache {
 public:
  explicit FrameCache(size_t frames)
      : entries_(std::bit_ceil(std::clamp<size_t>(frames, 1, kMaxEntries))) {}

  template <typename Make>
  const Frame& Get(uint64_t pc, uint64_t epoch, Make make) {
    Entry& entry = entries_[absl::HashOf(pc, epoch) & (entries_.size() - 1)];
    if (!entry.used || entry.frame.pc != pc || entry.epoch != epoch) {
      entry = {true, epoch, make()};
    }
    return entry.frame;
  }

 private:
  struct Entry {
    bool used = false;
    uint64_t epoch = 0;
    Frame frame;
  };
  static constexpr size_t kMaxEntries = 1 << 14;

  std::vector<Entry> entries_;
};

}  // namespace

uint64_t ProcessFacts::TotalLost() const {
  uint64_t total = 0;
  for (const LossCount& loss : losses) total += loss.count;
  return total;
}

uint64_t ProcessFacts::Lost(Loss cause) const {
  const char* name = kLossTexts[static_cast<size_t>(cause)].cause;
  for (const LossCount& loss : losses) {
    if (loss.cause == name) return loss.count;
  }
  return 0;
}

ProcessFacts FactsOf(const HeaderPage& header, const ClockMap& clock) {
  ProcessFacts facts;
  facts.executable = TextField(header.executable);
  facts.command_line = TextField(header.command_line);
  facts.host = TextField(header.host);
  facts.allocator = TextField(header.allocator);
  facts.bypassed_by = TextField(header.bypassed_by);
  facts.pid = header.pid;
  facts.parent_pid = header.parent_pid;
  facts.mode = header.mode;
  facts.ended = header.end_state == EndState::kOpen ? Ended::kKilled : Ended::kExited;
  if (header.end_state == EndState::kExited) facts.exit_status = header.exit_status & 0xff;
  facts.start_realtime_ns = header.start_realtime_ns;
  facts.duration_ns = facts.ended == Ended::kExited ? clock.NsAt(header.end_ticks) : 0;
  facts.interval_bytes = header.interval_bytes;
  facts.interval_is_auto = header.interval_is_auto != 0;
  facts.budget_ppm = header.budget_ppm;
  facts.cpu_ns = header.cpu_ns.load();
  facts.wait_interval_ns = clock.SumNs(header.wait_interval_ticks);
  facts.acquire_interval = header.acquire_interval;
  facts.seed = header.seed;
  facts.max_size_bytes = header.file_bytes;
  facts.max_frames = header.max_frames;
  facts.heap_enabled = header.heap_enabled != 0;
  facts.locks_enabled = header.locks_enabled != 0;
  facts.paused = header.paused == 1;  // other values have no effect
  facts.losses = LossesOf(header);
  return facts;
}

std::span<const Frame> Process::Frames(StackId stack) const {
  const Stack& found = stacks_[stack.value()];
  return std::span(frames_).subspan(found.first_frame, found.frame_count);
}

std::optional<StackId> Process::FindLargeId(uint64_t dump_id) const {
  const auto found = stack_of_large_id_.find(dump_id);
  return found == stack_of_large_id_.end() ? std::nullopt : std::optional(found->second);
}

template <typename Visit>
void Process::VisitPlacesBelow(uint64_t address, Visit visit) const {
  auto at =
      std::upper_bound(places_.begin(), places_.end(), address,
                       [](uint64_t value, const Place& place) { return value < place.start; });
  for (int i = 0; i < kMaxPlaces && at != places_.begin(); ++i) {
    --at;
    if (at->furthest_end <= address || !visit(*at)) return;
  }
}

const Process::Mapping* Process::MappingAt(const Place& place, uint64_t address,
                                           uint64_t epoch) const {
  const auto begin = mappings_.begin() + static_cast<std::ptrdiff_t>(place.first_mapping);
  const auto end = mappings_.begin() + static_cast<std::ptrdiff_t>(place.end_mapping);
  const auto after = std::upper_bound(
      begin, end, epoch,
      [](uint64_t value, const Mapping& mapping) { return value < mapping.load_epoch; });
  if (after == begin) return nullptr;
  const Mapping& last = *(after - 1);
  return address < last.end ? &last : nullptr;
}

std::optional<ModuleId> Process::ModuleAt(uint64_t address) const {
  const Mapping* last = nullptr;
  VisitPlacesBelow(address, [&](const Place& place) {
    const Mapping* found = MappingAt(place, address, kNoUnload);
    if (found != nullptr && (last == nullptr || found->load_epoch > last->load_epoch)) {
      last = found;
    }
    return true;
  });
  return last == nullptr ? std::nullopt : std::optional(last->module);
}

std::optional<ModuleId> Process::ModuleAt(uint64_t address, uint64_t epoch) const {
  std::optional<ModuleId> module;
  VisitPlacesBelow(address, [&](const Place& place) {
    const Mapping* found = MappingAt(place, address, epoch);
    if (found != nullptr && epoch < found->unload_epoch) module = found->module;
    return !module;
  });
  return module;
}

void ProcessBuilder::OnDefinition(const Segment& segment, const Record& record) {
  std::visit([&](const auto& r) { Add(segment, r); }, record);
}

void ProcessBuilder::Append(ProcessBuilder&& later) {
  const auto append = [](auto* all, auto&& more) {
    std::move(more.begin(), more.end(), std::back_inserter(*all));
  };
  append(&threads_, later.threads_);
  append(&loads_, later.loads_);
  append(&unloads_, later.unloads_);
  for (RawStack& stack : later.stacks_) stack.first_pc += pcs_.size();
  append(&stacks_, later.stacks_);
  append(&pcs_, later.pcs_);
  append(&marks_, later.marks_);
  unseen_objects_.merge(later.unseen_objects_);
  intervals_.merge(later.intervals_);
}

void ProcessBuilder::Add(const Segment& segment, const ThreadRecord& record) {
  threads_.push_back({segment.stream, record.tid, std::string(record.name), record.time});
}

void ProcessBuilder::Add(const Segment&, const ModuleLoadRecord& record) {
  loads_.push_back({record.epoch,
                    {record.start, record.end, record.bias, std::string(record.build_id),
                     std::string(record.path)}});
}

void ProcessBuilder::Add(const Segment&, const ModuleUnloadRecord& record) {
  unloads_.push_back({record.epoch, record.start});
}

void ProcessBuilder::Add(const Segment&, const IntervalRecord& record) {
  intervals_.insert(record.interval_bytes);
}

void ProcessBuilder::Add(const Segment&, const MarkRecord& record) {
  marks_.push_back({record.time, std::string(record.text)});
}

void ProcessBuilder::Add(const Segment&, const UnseenRecord& record) {
  unseen_objects_.emplace(record.path);
}

void ProcessBuilder::Add(const Segment&, const StackRecord& record) {
  stacks_.push_back({record.id, record.epoch, pcs_.size(), static_cast<uint32_t>(record.count),
                     (record.flags & kStackTruncated) != 0});
  UnpackFrames(record, [this](uint64_t pc) { pcs_.push_back(pc); });
}

void ProcessBuilder::ConvertTimes(const ClockMap& clock) {
  for (Thread& thread : threads_) thread.begin_ns = clock.NsAt(thread.begin_ns);
  for (Mark& mark : marks_) mark.time_ns = clock.NsAt(mark.time_ns);
}

Process ProcessBuilder::Build(ProcessFacts facts, const ClockMap& clock) {
  ConvertTimes(clock);
  Process process;
  process.facts = std::move(facts);
  process.threads_ = std::move(threads_);
  process.marks_ = std::move(marks_);
  std::stable_sort(process.marks_.begin(), process.marks_.end(),
                   [](const Mark& a, const Mark& b) { return a.time_ns < b.time_ns; });
  process.unseen_objects_.assign(unseen_objects_.begin(), unseen_objects_.end());
  intervals_.erase(process.facts.interval_bytes);
  // Full mode has no interval, whatever a damaged file says.
  if (process.facts.mode == Mode::kSample) {
    process.other_intervals_.assign(intervals_.begin(), intervals_.end());
  }
  BuildModules(&process);
  BuildStacks(&process);
  return process;
}

void ProcessBuilder::BuildModules(Process* process) {
  using Content = std::tuple<uint64_t, uint64_t, uint64_t, std::string, std::string>;
  std::map<Content, ModuleId> known;
  std::map<uint64_t, std::vector<uint64_t>> unload_epochs;  // by start, ascending
  for (const Unload& unload : unloads_) unload_epochs[unload.start].push_back(unload.epoch);
  for (auto& [start, epochs] : unload_epochs) std::sort(epochs.begin(), epochs.end());

  for (Load& load : loads_) {
    const ModuleImage& image = load.image;
    const auto [found, is_new] =
        known.try_emplace({image.start, image.end, image.bias, image.build_id, image.path},
                          ModuleId(process->modules_.size()));
    Process::Mapping mapping{
        .start = image.start, .end = image.end, .load_epoch = load.epoch, .module = found->second};
    if (const auto unloads = unload_epochs.find(image.start); unloads != unload_epochs.end()) {
      const std::vector<uint64_t>& epochs = unloads->second;
      const auto next = std::upper_bound(epochs.begin(), epochs.end(), load.epoch);
      if (next != epochs.end()) mapping.unload_epoch = *next;
    }
    process->mappings_.push_back(mapping);
    if (is_new) process->modules_.push_back(std::move(load.image));
  }
  std::sort(process->mappings_.begin(), process->mappings_.end(),
            [](const Process::Mapping& a, const Process::Mapping& b) {
              return std::tie(a.start, a.load_epoch) < std::tie(b.start, b.load_epoch);
            });
  BuildPlaces(process);
}

void ProcessBuilder::BuildPlaces(Process* process) {
  uint64_t furthest_end = 0;
  for (size_t i = 0; i < process->mappings_.size(); ++i) {
    const Process::Mapping& mapping = process->mappings_[i];
    furthest_end = std::max(furthest_end, mapping.end);
    if (process->places_.empty() || process->places_.back().start != mapping.start) {
      process->places_.push_back({.start = mapping.start, .first_mapping = i});
    }
    process->places_.back().end_mapping = i + 1;
    process->places_.back().furthest_end = furthest_end;
  }
}

void ProcessBuilder::BuildStacks(Process* process) {
  // Keys point into frames_, which is therefore never reallocated.
  process->frames_.reserve(pcs_.size());
  process->stacks_.push_back({});  // kNoStack
  process->stack_of_small_id_.resize(SmallIdLimit(stacks_.size()));
  absl::flat_hash_map<StackKey, StackId> known;
  known[{std::span<const Frame>(), false}] = kNoStack;
  FrameCache cache(pcs_.size());

  for (const RawStack& raw : stacks_) {
    const size_t begin = process->frames_.size();
    for (uint32_t i = 0; i < raw.count; ++i) {
      const uint64_t pc = pcs_[raw.first_pc + i];
      // The call is before its return address, which may be another module's first byte.
      process->frames_.push_back(cache.Get(pc, raw.epoch, [&] {
        return Frame{pc, process->ModuleAt(pc - 1, raw.epoch)};
      }));
    }
    const StackKey key{std::span<const Frame>(process->frames_).subspan(begin), raw.truncated};
    const auto [found, is_new] = known.try_emplace(key, StackId(process->stacks_.size()));
    if (is_new) {
      process->stacks_.push_back({begin, raw.count, raw.truncated});
    } else {
      process->frames_.resize(begin);
    }
    // The first definition of an id stands.
    if (raw.id < process->stack_of_small_id_.size()) {
      uint32_t& slot = process->stack_of_small_id_[raw.id];
      if (slot == 0) slot = found->second.value() + 1;
    } else {
      process->stack_of_large_id_.try_emplace(raw.id, found->second);
    }
  }
}

}  // namespace perfagent
