// heaptrack's interpreted file, version 3, for heaptrack_print and heaptrack_gui: every allocation and free in time order.
//
// A sampled block is written as often as it stands for: after each event as many copies of it are live as the rounded sum
// of the weights of its stack and size. Where a thinning makes that sum grow, more are live than ever began: these begin
// then, so that what is live is right, and are counted, because there are as many calls too many.
//
// heaptrack takes a free for that of a temporary block when it names the entry that the last allocation named, and no free
// came since; after a free, and at first, that is entry 0. Where a block is not temporary and looks so, its free names a
// second entry of the same size and stack. heaptrack_gui wants entries to be allocated in their order, so these, which never
// are, come last.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "analyzer/export/early_frees.h"
#include "analyzer/export/export_format.h"
#include "analyzer/export/locations.h"
#include "analyzer/model/suppressions.h"
#include "analyzer/replay/heap_changes.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
// As heaptrack itself does.
constexpr uint64_t kMsBetweenTimes = 10;
constexpr uint64_t kPageBytes = 4096;
constexpr char kNoFrames[] = "[no stack]";

std::string Number(uint64_t count) { return FormatCount(static_cast<double>(count)); }

// Lines of a letter and hexadecimal numbers.
class Lines {
 public:
  explicit Lines(Output* output) : output_(output) {}

  template <typename... Numbers>
  void Write(char letter, Numbers... numbers) {
    char line[2 + 17 * sizeof...(numbers) + 1];
    char* end = line;
    *end++ = letter;
    ((*end++ = ' ', end = std::to_chars(end, end + 16, uint64_t{numbers}, 16).ptr), ...);
    *end++ = '\n';
    output_->Write({line, static_cast<size_t>(end - line)});
  }
  void WriteAll(char letter, const std::vector<uint64_t>& numbers) {
    std::string line(1, letter);
    for (const uint64_t number : numbers) absl::StrAppend(&line, " ", absl::Hex(number));
    output_->Write(line + "\n");
  }
  // Up to the end of the line.
  void WriteText(char letter, std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    output_->Write(std::string(1, letter) + " " + text + "\n");
  }

 private:
  Output* output_;
};

// The tables of strings, places and stacks. All count from 1; 0 is none.
class HeaptrackTables {
 public:
  HeaptrackTables(StackNames* names, Lines* lines) : locations_(names), lines_(lines) {}

  uint64_t TraceOf(StackId stack) {
    const auto [found, is_new] = trace_of_.try_emplace(stack);
    if (is_new) found->second = MakeTrace(stack);
    return found->second;
  }

 private:
  uint64_t MakeTrace(StackId stack) {
    const std::vector<uint32_t> numbers = locations_.Of(stack);
    uint64_t trace = 0;
    for (auto number = numbers.rbegin(); number != numbers.rend(); ++number)
      trace = Trace(PlaceOf(*number), trace);
    if (trace == 0) trace = Trace(NoPlace(), 0);
    return trace;
  }

  uint64_t Trace(uint64_t place, uint64_t parent) {
    const auto [found, is_new] = trace_at_.try_emplace({place, parent}, trace_at_.size() + 1);
    if (is_new) lines_->Write('t', place, parent);
    return found->second;
  }

  uint64_t PlaceOf(uint32_t number) {
    if (number >= place_of_.size()) place_of_.resize(number + 1);
    if (place_of_[number] != 0) return place_of_[number];
    const Location& location = locations_[number];
    std::vector<uint64_t> fields = {location.address, String(locations_.ModulePath(location))};
    for (const SourceFrame* frame : location.lines) {
      fields.push_back(String(frame->function));
      if (location.lines.size() == 1 && frame->file.empty()) break;
      fields.push_back(String(frame->file));
      fields.push_back(static_cast<uint64_t>(std::max(frame->line, 0)));
    }
    lines_->WriteAll('i', fields);
    return place_of_[number] = ++places_;
  }

  uint64_t NoPlace() {
    if (no_place_ != 0) return no_place_;
    lines_->WriteAll('i', {0, 0, String(kNoFrames)});
    return no_place_ = ++places_;
  }

  uint64_t String(const std::string& text) {
    if (text.empty()) return 0;
    const auto [found, is_new] = string_at_.try_emplace(text, string_at_.size() + 1);
    if (is_new) {
      lines_->WriteText('s', absl::StrCat(absl::Hex(text.size()), " ", text));
    }
    return found->second;
  }

  Locations locations_;
  Lines* lines_;
  absl::flat_hash_map<StackId, uint64_t> trace_of_;
  absl::flat_hash_map<std::string, uint64_t> string_at_;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint64_t> trace_at_;
  std::vector<uint64_t> place_of_;  // by number of the location; 0: not written
  uint64_t no_place_ = 0;
  uint64_t places_ = 0;
};

// What was written of the blocks of a kind.
struct Written {
  uint64_t second = 0;  // its second entry; 0: none yet
  double begun = 0;     // weights
  double live = 0;
  uint64_t begun_lines = 0;  // rounded, of `begun`
  uint64_t allocated = 0;    // lines
  uint64_t freed = 0;
};

class EventWriter : public ChangeSink {
 public:
  // `traces` by number of the kind. All must outlive this.
  EventWriter(size_t streams, const EventView& view, EarlyFrees* early,
              const std::vector<uint64_t>& traces, Lines* lines)
      : view_(view),
        early_(*early),
        kinds_(early->kinds()),
        traces_(traces),
        lines_(lines),
        begins_(streams),
        written_(traces.size()),
        entries_(traces.size()) {
    for (size_t i = 0; i < traces.size(); ++i) lines_->Write('a', kinds_.all()[i].size, traces[i]);
  }

  void OnEvent(const HeapEvent& event, std::span<const Change> changes,
               std::span<const Site> sites) override {
    begins_.OnEvent(changes);
    is_temporary_ = false;
    for (const Change& change : changes) Apply(change, event, sites);
    Settle(event.time_ns);
  }
  void OnEnd(std::span<const Change> changes, std::span<const Site> sites) override {
    is_temporary_ = false;
    for (const Change& change : changes) {
      if (const auto kind = KindOf(change, sites)) ApplyGrowth(change, *kind);
    }
    Settle(0);
  }

  // At the end: what is live of stacks for which `is_kept` is true is written as freed.
  template <typename IsKept>
  Waits FreeKept(IsKept is_kept) {
    Waits freed;  // blocks and bytes
    is_temporary_ = false;
    for (size_t kind = 0; kind < written_.size(); ++kind) {
      const uint64_t live = written_[kind].allocated - written_[kind].freed;
      if (live == 0 || !is_kept(kinds_.all()[kind].stack)) continue;
      Free(kind, live);
      freed.Add(live, live * kinds_.all()[kind].size);
    }
    return freed;
  }

  // Blocks that began because weights grew.
  uint64_t grown() const { return grown_; }
  // Blocks from before the view.
  uint64_t entered() const { return entered_; }

 private:
  void Apply(const Change& change, const HeapEvent& event, std::span<const Site> sites) {
    if (!view_.HasStack(sites[change.site.value()].stack)) return;
    if (change.kind == Change::kEnter) {
      ++entered_;
      return;
    }
    if (BeganBefore(change, event.time_ns)) return;
    const std::optional<size_t> kind = KindOf(change, sites);
    if (!kind) return;
    if (change.kind == Change::kBegin) return Begin(change, event, *kind);
    if (change.kind == Change::kFree && change.temporary && change.shrinks) {
      const std::optional<uint64_t> number = begins_.Last(event.stream);
      if (number && early_.IsEarly(*number)) return;
      is_temporary_ = true;
    }
    ApplyGrowth(change, *kind);
  }

  void Begin(const Change& change, const HeapEvent& event, size_t kind) {
    Written& written = written_[kind];
    const bool is_early = early_.IsEarly(begins_.Begin(event.stream));
    written.begun += change.WeightNow().factor;
    const uint64_t begun = Rounded(kind, written.begun);
    const uint64_t lines = begun - std::exchange(written.begun_lines, begun);
    Time(event.time_ns);
    if (is_early) return WriteTemporary(kind, lines);
    Allocate(kind, lines);
    ApplyGrowth(change, kind);
  }

  bool BeganBefore(const Change& change, uint64_t time_ns) const {
    const bool is_end = change.kind == Change::kFree || change.kind == Change::kRealloc;
    return is_end && time_ns - std::min(time_ns, change.lifetime_ns) < view_.since_ns;
  }

  void ApplyGrowth(const Change& change, size_t kind) {
    Written& written = written_[kind];
    const double weight = change.WeightNow().factor;
    is_thinning_ = is_thinning_ || change.kind == Change::kThinned;
    if (change.grows) written.live += weight;
    if (change.shrinks) written.live = std::max(written.live - weight, 0.0);
    if (touched_.size() > kMostSearched ||
        std::find(touched_.begin(), touched_.end(), kind) == touched_.end()) {
      touched_.push_back(kind);
    }
  }

  // The event is over: as many blocks end as are there too many, or begin by a thinning.
  void Settle(uint64_t time_ns) {
    for (const size_t kind : touched_) {
      const Written& written = written_[kind];
      const uint64_t live = written.allocated - written.freed;
      const uint64_t wanted = Rounded(kind, written.live);
      if (live == wanted || (live < wanted && !is_thinning_)) continue;
      Time(time_ns);
      if (live > wanted) {
        Free(kind, live - wanted);
      } else {
        grown_ += wanted - live;
        Allocate(kind, wanted - live);
      }
    }
    touched_.clear();
    is_thinning_ = false;
  }

  // Whole numbers stay what they are. Others are rounded up as often as their fraction says, each kind always alike:
  // multiples of the golden ratio are spread evenly.
  static uint64_t Rounded(size_t kind, double weights) {
    constexpr double kGoldenRatio = 0.6180339887498949, kBelowOne = 0.999;
    const double turns = static_cast<double>(kind) * kGoldenRatio;
    return static_cast<uint64_t>(weights + (turns - std::floor(turns)) * kBelowOne);
  }

  // Of blocks that began; of others, from before the view, there is none.
  std::optional<size_t> KindOf(const Change& change, std::span<const Site> sites) {
    return kinds_.Find(change.site, {sites[change.site.value()].stack, change.size});
  }

  void Allocate(size_t kind, uint64_t lines) {
    for (uint64_t i = 0; i < lines; ++i) lines_->Write('+', kind);
    written_[kind].allocated += lines;
    if (lines > 0) last_allocated_ = kind;
  }

  void WriteTemporary(size_t kind, uint64_t lines) {
    for (uint64_t i = 0; i < lines; ++i) {
      lines_->Write('+', kind);
      lines_->Write('-', kind);
    }
    written_[kind].allocated += lines;
    written_[kind].freed += lines;
    if (lines > 0) last_allocated_ = 0;
  }

  void Free(size_t kind, uint64_t lines) {
    for (uint64_t i = 0; i < lines; ++i) {
      const bool looks_temporary = last_allocated_ == kind;
      lines_->Write('-', looks_temporary && !is_temporary_ ? SecondEntry(kind) : kind);
      last_allocated_ = 0;
    }
    written_[kind].freed += lines;
  }

  uint64_t SecondEntry(size_t kind) {
    uint64_t& second = written_[kind].second;
    if (second == 0) {
      second = entries_++;
      lines_->Write('a', kinds_.all()[kind].size, traces_[kind]);
    }
    return second;
  }

  void Time(uint64_t time_ns) {
    const uint64_t ms = time_ns / kNsPerMs;
    if (ms < last_ms_ + kMsBetweenTimes) return;
    last_ms_ = ms;
    lines_->Write('c', ms);
  }

  // A thinning touches any number: then some may be in the list twice.
  static constexpr size_t kMostSearched = 8;

  const EventView& view_;
  const EarlyFrees& early_;
  BlockKinds& kinds_;
  const std::vector<uint64_t>& traces_;
  Lines* lines_;
  BeginNumbers begins_;
  std::vector<Written> written_;  // by number of the kind, which is that of its first entry
  uint64_t entries_;
  std::vector<size_t> touched_;  // kinds, in this event
  bool is_temporary_ = false;    // what this event frees
  bool is_thinning_ = false;     // this event
  uint64_t grown_ = 0;
  uint64_t last_allocated_ = 0;  // as heaptrack knows it
  uint64_t last_ms_ = 0;
  uint64_t entered_ = 0;
};

uint64_t WaitsIn(const LoadedDump& dump) {
  uint64_t waits = 0;
  for (const Segment& segment : dump.index.lock_tables) {
    for (const LockTableEntry& entry : ReadLockTable(dump.file, dump.index.clock, segment))
      waits += entry.contended;
  }
  return waits;
}

void WriteHead(const ProcessFacts& facts, Lines* lines) {
  constexpr uint64_t kVersion = 0x10400, kFileVersion = 3;
  lines->Write('v', kVersion, kFileVersion);
  lines->WriteText('X', facts.command_line);
  lines->Write('I', kPageBytes, 0u);
}

}  // namespace

ExportNotes WriteHeaptrack(const ExportInput& input, Output* output) {
  const Profile& profile = input.named.profile;
  const LoadedDump& dump = profile.dump;
  const size_t streams = dump.index.streams.size();
  Lines lines(output);
  WriteHead(dump.process.facts, &lines);
  // Names are looked up between the replays: no thread is there then.
  EarlyFrees early(streams, profile.view);
  BlockReplay::Counts counts;
  {
    Workers workers(input.threads);
    counts = ReplayChanges(dump, profile.view, &workers, &early);
  }
  HeaptrackTables tables(&input.named.names, &lines);
  std::vector<uint64_t> traces;
  for (const BlockKind& kind : early.kinds().all()) traces.push_back(tables.TraceOf(kind.stack));
  EventWriter writer(streams, profile.view, &early, traces, &lines);
  lines.Write('c', 0u);
  {
    Workers workers(input.threads);
    ReplayChanges(dump, profile.view, &workers, &writer);
  }
  lines.Write('c', std::min(dump.process.facts.duration_ns, profile.view.until_ns) / kNsPerMs);
  absl::flat_hash_map<StackId, bool> is_kept;
  const Waits kept = writer.FreeKept([&](StackId stack) {
    const auto [found, is_new] = is_kept.try_emplace(stack);
    if (is_new) found->second = SuppressionOf(dump.process, stack, &input.named.names) != nullptr;
    return found->second;
  });

  ExportNotes notes;
  if (kept.contended > 0)
    notes.push_back(absl::StrCat("written as freed at the end: ", Number(kept.contended),
                                 " blocks that libc and libstdc++ keep by design, ",
                                 FormatBytes(static_cast<double>(kept.wait_ns))));
  if (const uint64_t waits = WaitsIn(dump); waits > 0)
    notes.push_back(absl::StrCat("left out: ", Number(waits), " contended waits"));
  if (counts.unpaired_frees + counts.unpaired_reallocs > 0)
    notes.push_back(absl::StrCat("left out: ", Number(counts.unpaired_frees), " frees and ",
                                 Number(counts.unpaired_reallocs),
                                 " reallocs of blocks whose beginning was not recorded"));
  if (writer.entered() > 0)
    notes.push_back(absl::StrCat("left out: ", Number(writer.entered()),
                                 " blocks from before --since, also of the peak"));
  if (early.left_in_place() > 0)
    notes.push_back(absl::StrCat("not temporary to heaptrack: ", Number(early.left_in_place()),
                                 " temporary allocations of other threads at the peak"));
  if (writer.grown() > 0)
    notes.push_back(absl::StrCat("calls: ", Number(writer.grown()),
                                 " too many, by which estimates of what is live grew as sampling "
                                 "became sparser"));
  return notes;
}

}  // namespace perfagent
