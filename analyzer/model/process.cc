#include "analyzer/model/process.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

// Where segments are to be readable by themselves, each says again whose it is.
std::vector<Thread> WithoutRepetitions(std::vector<Thread> threads) {
  absl::flat_hash_map<uint32_t, std::pair<uint64_t, std::string>> last;  // by stream
  std::erase_if(threads, [&](const Thread& thread) {
    std::pair<uint64_t, std::string> described(thread.tid, thread.name);
    const auto [found, is_first] = last.try_emplace(thread.stream, described);
    if (is_first) return false;
    return std::exchange(found->second, described) == described;
  });
  return threads;
}

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

std::optional<FullEnd> FullEndOf(const HeaderPage& header, const ClockMap& clock) {
  const uint64_t ticks = header.full_until_ticks, interval_bytes = header.full_sample_bytes;
  if (header.mode != Mode::kFull || ticks == 0) return std::nullopt;
  return FullEnd{clock.NsAt(ticks), std::min(interval_bytes, kGreatestInterval)};
}

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
  facts.full_end = FullEndOf(header, clock);
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

std::string_view Process::ThreadName(uint64_t tid) const {
  const auto found = thread_at_.find(tid);
  return found == thread_at_.end() ? std::string_view() : threads_[found->second].name;
}

std::vector<Frame> Process::FrameOfEachModule() const {
  struct Code {
    size_t frames = 0;
    Frame first;
  };
  std::vector<Code> by_module(modules_.size());
  for (const Frame& frame : stacks_.frames()) {
    if (!frame.module) continue;
    Code& code = by_module[frame.module->value()];
    if (code.frames++ == 0) code.first = frame;
  }
  std::erase_if(by_module, [](const Code& code) { return code.frames == 0; });
  std::stable_sort(by_module.begin(), by_module.end(),
                   [](const Code& a, const Code& b) { return a.frames > b.frames; });
  std::vector<Frame> frames;
  for (const Code& code : by_module) frames.push_back(code.first);
  return frames;
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
  const auto append = [](auto* all, auto& more) {
    if (all->empty()) {
      *all = std::move(more);
    } else {
      all->insert(all->end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
    }
  };
  append(&threads_, later.threads_);
  append(&loads_, later.loads_);
  append(&unloads_, later.unloads_);
  for (StackDefinition& stack : later.stacks_) stack.first_pc += pcs_.size();
  append(&stacks_, later.stacks_);
  append(&pcs_, later.pcs_);
  append(&marks_, later.marks_);
  unseen_objects_.merge(later.unseen_objects_);
  lock_homes_.Append(std::move(later.lock_homes_));
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
  stacks_.push_back({.first_id = record.first_id,
                     .parent = record.parent,
                     .epoch = record.epoch,
                     .first_pc = pcs_.size(),
                     .count = static_cast<uint32_t>(record.count),
                     .is_truncated = (record.flags & kStackTruncated) != 0});
  pcs_.insert(pcs_.end(), record.pcs, record.pcs + record.count);
}

void ProcessBuilder::ConvertTimes(const ClockMap& clock) {
  for (Thread& thread : threads_) thread.begin_ns = clock.NsAt(thread.begin_ns);
  for (Mark& mark : marks_) mark.time_ns = clock.NsAt(mark.time_ns);
}

Process ProcessBuilder::Build(ProcessFacts facts, const ClockMap& clock) {
  ConvertTimes(clock);
  Process process;
  process.facts = std::move(facts);
  process.threads_ = WithoutRepetitions(std::move(threads_));
  for (size_t i = 0; i < process.threads_.size(); ++i) {
    process.thread_at_[process.threads_[i].tid] = i;
  }
  process.marks_ = std::move(marks_);
  std::stable_sort(process.marks_.begin(), process.marks_.end(),
                   [](const Mark& a, const Mark& b) { return a.time_ns < b.time_ns; });
  process.unseen_objects_.assign(unseen_objects_.begin(), unseen_objects_.end());
  process.lock_homes_ = std::move(lock_homes_);
  intervals_.erase(process.facts.interval_bytes);
  if (process.facts.full_end) intervals_.erase(process.facts.full_end->interval_bytes);
  // Else there is none, whatever a damaged file says.
  if (process.facts.IsSampled()) {
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
  process->stacks_ = StackTrie(std::move(stacks_), pcs_, process->facts.max_frames,
                               [&](uint64_t pc, uint64_t epoch) {
                                 // The call is before its return address, which may be another module's first byte.
                                 return Frame{pc, process->ModuleAt(pc - 1, epoch)};
                               });
}

}  // namespace perfagent
