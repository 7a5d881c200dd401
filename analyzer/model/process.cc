#include "analyzer/model/process.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace perfagent {
namespace {

struct LossText {
  const char* cause;
  const char* text;
};

constexpr LossText kLossTexts[] = {
#define PERFAGENT_LOSS_TEXT(id, name, help) {name, help},
    PERFAGENT_LOSSES(PERFAGENT_LOSS_TEXT)
#undef PERFAGENT_LOSS_TEXT
};

std::vector<LossCount> LossesOf(const HeaderPage& header) {
  std::vector<LossCount> losses;
  for (size_t i = 0; i < kLossSlots; ++i) {
    const uint64_t count = header.losses[i];
    if (count == 0) continue;
    if (i < kLossCount) {
      losses.push_back({kLossTexts[i].cause, kLossTexts[i].text, count});
    } else {
      losses.push_back({absl::StrCat("cause_", i), "cause that a newer agent knows", count});
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

}  // namespace

uint64_t ProcessFacts::TotalLost() const {
  uint64_t total = 0;
  for (const LossCount& loss : losses) total += loss.count;
  return total;
}

ProcessFacts FactsOf(const HeaderPage& header) {
  ProcessFacts facts;
  facts.executable = TextField(header.executable);
  facts.command_line = TextField(header.command_line);
  facts.host = TextField(header.host);
  facts.pid = header.pid;
  facts.parent_pid = header.parent_pid;
  facts.mode = header.mode;
  facts.ended = header.end_state == EndState::kOpen ? Ended::kKilled : Ended::kExited;
  if (header.end_state == EndState::kExited) facts.exit_status = header.exit_status & 0xff;
  facts.start_realtime_ns = header.start_realtime_ns;
  facts.duration_ns = facts.ended == Ended::kExited ? header.end_time_ns.load() : 0;
  facts.interval_bytes = header.interval_bytes;
  facts.wait_interval_ns = header.wait_interval_ns;
  facts.acquire_interval = header.acquire_interval;
  facts.seed = header.seed;
  facts.max_size_bytes = header.file_bytes;
  facts.max_frames = header.max_frames;
  facts.heap_enabled = header.heap_enabled != 0;
  facts.locks_enabled = header.locks_enabled != 0;
  facts.paused = header.paused != 0;
  facts.losses = LossesOf(header);
  return facts;
}

std::span<const Frame> Process::Frames(StackId stack) const {
  const Stack& found = stacks_[stack.value()];
  return std::span(frames_).subspan(found.first_frame, found.frame_count);
}

std::optional<StackId> Process::FindStack(uint64_t dump_id) const {
  if (dump_id == 0) return kNoStack;
  if (dump_id < stack_of_small_id_.size()) {
    const uint32_t found = stack_of_small_id_[dump_id];
    return found == 0 ? std::nullopt : std::optional(StackId(found - 1));
  }
  const auto found = stack_of_large_id_.find(dump_id);
  return found == stack_of_large_id_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<ModuleId> Process::ModuleAt(uint64_t address) const {
  const Mapping* last = nullptr;
  for (const Mapping& mapping : mappings_) {
    if (mapping.start > address) break;
    if (address >= mapping.end) continue;
    if (last == nullptr || mapping.load_epoch >= last->load_epoch) last = &mapping;
  }
  return last == nullptr ? std::nullopt : std::optional(last->module);
}

std::optional<ModuleId> Process::ModuleAt(uint64_t address, uint64_t epoch) const {
  auto at = std::upper_bound(
      mappings_.begin(), mappings_.end(), address,
      [](uint64_t value, const Mapping& mapping) { return value < mapping.start; });
  while (at != mappings_.begin() && (--at)->furthest_end > address) {
    if (address < at->end && at->load_epoch <= epoch && epoch < at->unload_epoch) {
      return at->module;
    }
  }
  return std::nullopt;
}

void ProcessBuilder::Add(const IndexedRecord& indexed) {
  if (const std::optional<uint64_t> time = TimeOf(indexed.record)) {
    last_time_ns_ = std::max(last_time_ns_, *time);
  }
  if (const auto* thread = std::get_if<ThreadRecord>(&indexed.record)) {
    threads_.push_back(
        {indexed.segment.stream, thread->tid, std::string(thread->name), thread->time_ns});
  } else if (const auto* load = std::get_if<ModuleLoadRecord>(&indexed.record)) {
    loads_.push_back({load->epoch,
                      {load->start, load->end, load->bias, std::string(load->build_id),
                       std::string(load->path)}});
  } else if (const auto* unload = std::get_if<ModuleUnloadRecord>(&indexed.record)) {
    unloads_.push_back({unload->epoch, unload->start});
  } else if (const auto* stack = std::get_if<StackRecord>(&indexed.record)) {
    AddStack(*stack);
  }
}

void ProcessBuilder::AddStack(const StackRecord& record) {
  stacks_.push_back({record.id, record.epoch, pcs_.size(), static_cast<uint32_t>(record.count),
                     (record.flags & kStackTruncated) != 0});
  UnpackFrames(record, [this](uint64_t pc) { pcs_.push_back(pc); });
}

Process ProcessBuilder::Build(ProcessFacts facts) {
  Process process;
  process.facts = std::move(facts);
  process.threads_ = std::move(threads_);
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
  uint64_t furthest_end = 0;
  for (Process::Mapping& mapping : process->mappings_) {
    furthest_end = std::max(furthest_end, mapping.end);
    mapping.furthest_end = furthest_end;
  }
}

void ProcessBuilder::BuildStacks(Process* process) {
  // Keys point into frames_, which is therefore never reallocated.
  process->frames_.reserve(pcs_.size());
  process->stacks_.push_back({});  // kNoStack
  process->stack_of_small_id_.resize(SmallIdLimit(stacks_.size()));
  absl::flat_hash_map<StackKey, StackId> known;
  known[{std::span<const Frame>(), false}] = kNoStack;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, std::optional<ModuleId>> module_of;

  for (const RawStack& raw : stacks_) {
    const size_t begin = process->frames_.size();
    for (uint32_t i = 0; i < raw.count; ++i) {
      const uint64_t pc = pcs_[raw.first_pc + i];
      const auto [found, is_new] = module_of.try_emplace({pc, raw.epoch});
      // The call is before its return address, which may be another module's first byte.
      if (is_new) found->second = process->ModuleAt(pc - 1, raw.epoch);
      process->frames_.push_back({pc, found->second});
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
