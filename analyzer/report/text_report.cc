#include "analyzer/report/text_report.h"

#include <algorithm>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/model/frame_kinds.h"
#include "analyzer/report/format.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/pool_report.h"
#include "analyzer/report/sizes_report.h"
#include "analyzer/report/source_report.h"
#include "analyzer/report/text_findings.h"
#include "analyzer/report/text_locks.h"
#include "analyzer/report/text_memory.h"
#include "analyzer/report/text_values.h"
#include "analyzer/report/text_view.h"
#include "analyzer/report/tree_report.h"
#include "analyzer/report/unseen.h"

namespace perfagent {
namespace {

constexpr uint64_t kDefaultLimit = 10;
constexpr size_t kMaxDamageLines = 20;

using SiteKey = const Tally& (*)(const HeapSite&);

const Tally& Calls(const HeapSite& site) { return site.metrics.allocations; }
const Tally& Bytes(const HeapSite& site) { return site.metrics.bytes; }
const Tally& Temporary(const HeapSite& site) { return site.metrics.temporary; }
const Tally& LeakedBytes(const HeapSite& site) { return site.metrics.leaked_bytes; }
const Tally& PeakBytes(const HeapSite& site) { return site.metrics.peak_bytes; }

std::vector<const HeapSite*> TopSites(const HeapProfile& heap, SiteKey key, uint64_t limit) {
  std::vector<const HeapSite*> sites;
  for (const HeapSite& site : heap.sites) {
    if (key(site).value() > 0) sites.push_back(&site);
  }
  const size_t count = std::min<uint64_t>(limit, sites.size());
  std::partial_sort(sites.begin(), sites.begin() + static_cast<std::ptrdiff_t>(count), sites.end(),
                    [key](const HeapSite* a, const HeapSite* b) {
                      const double x = key(*a).value(), y = key(*b).value();
                      return x != y ? x > y : a < b;
                    });
  sites.resize(count);
  return sites;
}

// One dump's part of the report.
class Writer : private LineWriter {
 public:
  Writer(const ReportInput& input, const NamedProfile& named, Output* output)
      : LineWriter(output, 13),
        input_(input),
        sections_(input.sections),
        limit_(input.limit.value_or(kDefaultLimit)),
        named_(named),
        facts_(named.profile.dump.process.facts),
        unseen_(input.pool != nullptr ? input.pool->unseen() : UnseenIn(named.profile)) {}
  void Write() {
    if (input_.pool != nullptr) {
      WritePoolText(*input_.pool, limit_, output());
    } else {
      WriteProcess();
      if (facts_.recorder.empty()) WriteAgentCost();
    }
    WriteLost();
    WriteAccuracy();
    WriteView();
    if (named_.findings != nullptr) WriteFindings(*named_.findings);
    WriteUnseen();
    if (input_.pool == nullptr) WriteMarks();
    const bool shows_heap = facts_.heap_enabled && !unseen_.HidesTheHeap(named_.profile.heap);
    if (shows_heap && (sections_.churn || sections_.leaks)) {
      WriteHeap();
      if (sections_.churn) WriteChurn();
      if (sections_.leaks) WriteLeaks();
      if (input_.tree) WriteTreeText(*input_.tree, named_, output());
    }
    if (facts_.locks_enabled && sections_.contention) WriteLocksText(named_, limit_, output());
    if (!input_.source.empty()) WriteSourceText(input_.source, named_, output());
    if (input_.pool == nullptr) WriteNext();
  }

 private:
  void Heading(const std::string& text) {
    Line();
    Line(text);
  }

  void WriteProcess() {
    Line(EscapeForTerminal(named_.profile.dump.path));
    if (!facts_.recorder.empty()) return WriteImported();
    Fact("program", EscapeForTerminal(facts_.executable), ", pid ", facts_.pid, " on ",
         EscapeForTerminal(facts_.host));
    Fact("command", EscapeForTerminal(facts_.command_line));
    Fact("ran", FormatDuration(static_cast<double>(facts_.duration_ns)), " from ",
         FormatTime(facts_.start_realtime_ns), ", ", HowItEnded(facts_),
         facts_.ended == Ended::kKilled ? "; up to then the recording is whole" : "");
    Fact("mode", ModeText(facts_), facts_.heap_enabled ? ", heap" : "",
         facts_.locks_enabled ? ", locks" : "");
    if (!facts_.allocator.empty()) Fact("allocator", EscapeForTerminal(facts_.allocator));
  }

  // What another tool knows of the process.
  void WriteImported() {
    Fact("program", EscapeForTerminal(facts_.executable));
    Fact("command", EscapeForTerminal(facts_.command_line));
    Fact("ran", FormatDuration(static_cast<double>(facts_.duration_ns)));
    Fact("recorded by", EscapeForTerminal(facts_.recorder), ": heap");
  }

  void WriteAgentCost() {
    const AgentCost cost = named_.profile.dump.Cost();
    const auto spent = static_cast<double>(cost.slow_path_ns);
    const auto cpu = static_cast<double>(cost.cpu_ns);
    Fact("agent", FormatDuration(spent), " in its slow paths",
         cost.cpu_ns == 0 ? ""
                          : absl::StrCat(", ", FormatShare(spent, cpu), " of ", FormatDuration(cpu),
                                         " CPU time"),
         "; wrote ", FormatBytes(static_cast<double>(cost.bytes_written)));
  }

  void WriteLost() {
    const std::vector<Damage>& damage = named_.profile.dump.damage;
    if (facts_.losses.empty() && damage.empty()) Fact("lost", "nothing");
    for (const LossCount& loss : facts_.losses) {
      Fact("lost", FormatCount(static_cast<double>(loss.count)), " ", loss.things, " (", loss.text,
           ")");
    }
    const size_t shown = std::min(damage.size(), kMaxDamageLines);
    for (size_t i = 0; i < shown; ++i) Fact("damaged", EscapeForTerminal(damage[i].ToString()));
    if (shown < damage.size()) {
      Fact("damaged", damage.size() - shown, " more places; `analyzer info` lists them");
    }
    if (!damage.empty()) {
      Fact("damaged", FormatBytes(static_cast<double>(named_.profile.dump.SkippedBytes())),
           " skipped in all: what follows is without them");
    }
  }

  void WriteAccuracy() {
    if (!facts_.IsSampled()) {
      const bool whole =
          facts_.losses.empty() && named_.profile.dump.damage.empty() && unseen_.SeesTheWholeHeap();
      Fact("exact",
           whole ? "everything: each event was recorded"
                 : "what was recorded; a lost free looks like a leak, a lost allocation like an "
                   "unpaired free");
      return;
    }
    if (facts_.full_end) {
      Fact("exact", "what came before ", EndOfFull(), "; number and time of contended waits");
      Fact("estimated", "what came after it: figures marked ~, with 95 % intervals; ",
           OfBlocks(facts_.full_end->interval_bytes), OtherIntervals(unseen_));
      return;
    }
    if (facts_.interval_bytes == 0 && unseen_.other_intervals.empty()) {
      Fact("exact", "the heap: each block was recorded; number and time of contended waits");
      Fact("estimated", "all else, marked ~, with 95 % intervals");
      return;
    }
    Fact("exact", "number and time of contended waits");
    Fact("estimated", "all else, marked ~, with 95 % intervals; ", FirstInterval(),
         OtherIntervals(unseen_));
  }

  std::string FirstInterval() const {
    if (facts_.interval_bytes == 0) return "at first each block was recorded";
    return OfBlocks(facts_.interval_bytes);
  }
  static std::string OfBlocks(uint64_t interval_bytes) {
    return absl::StrCat("mean ", FormatBytes(static_cast<double>(interval_bytes)),
                        " between samples");
  }
  std::string EndOfFull() const {
    return FormatDuration(static_cast<double>(facts_.full_end->time_ns));
  }

  void WriteView() {
    if (!input_.view.empty()) Fact("view", EscapeForTerminal(input_.view));
  }

  void WriteUnseen() {
    const std::vector<std::string> lines = UnseenLines(unseen_, limit_);
    if (lines.empty()) return;
    Heading("NOT SEEN");
    for (const std::string& line : lines) Line("  ", line);
  }

  void WriteMarks() {
    const std::vector<Mark>& marks = named_.profile.dump.process.marks();
    if (marks.empty()) return;
    Heading("MARKS");
    const size_t shown = std::min<uint64_t>(limit_, marks.size());
    for (size_t i = 0; i < shown; ++i) {
      Line("  ", FormatDuration(static_cast<double>(marks[i].time_ns)), "  ",
           EscapeForTerminal(marks[i].text));
    }
    if (shown < marks.size()) {
      Line("  and ", FormatCount(static_cast<double>(marks.size() - shown)), " more");
    }
  }

  void WriteFindings(const Findings& findings) {
    WriteFindingsText(findings, /*are_of_whole=*/!named_.profile.view.IsEverything(), limit_,
                      output());
    if (input_.pool == nullptr) return;
    if (const uint64_t left_out = input_.pool->findings_left_out(); left_out > 0) {
      Line("  without ", Count(left_out), " of processes with more than ",
           MergedFindings::kMostOfAProcess);
    }
  }

  void WriteHeap() {
    const HeapProfile& heap = named_.profile.heap;
    Heading("HEAP");
    if (heap.whole) Fact("showing", HeapShown(heap));
    Fact("allocated", Size(heap.total.bytes), " in ", Count(heap.total.allocations), " calls");
    Fact("temporary", Count(heap.total.temporary), " (",
         FormatShare(heap.total.temporary.value(), heap.total.allocations.value()),
         "): freed by the same thread with no other allocation between");
    // The greatest of many estimates is one whose error is upwards.
    Fact("peak", Size(heap.total.peak_bytes),
         input_.pool != nullptr
             ? ""
             : absl::StrCat(" at ", FormatDuration(static_cast<double>(heap.peak_time_ns))),
         facts_.IsSampledAt(heap.peak_time_ns) ? ", the highest of many estimates: rather too high"
                                               : "");
    Fact(LiveWord(), Size(heap.total.leaked_bytes), " in ", Count(heap.total.leaked_blocks),
         " blocks");
    WriteMemoryText(named_, output());
  }

  bool IsWindow() const { return named_.profile.view.HasWindow(); }
  // What is live in a running process, or at the end of a part of the recording, may yet be freed.
  const char* LiveWord() const {
    return IsWindow() ? "live at end" : facts_.ended == Ended::kRunning ? "live" : "leaked";
  }
  const char* LiveHeading() const {
    return IsWindow() ? "LIVE: sites by bytes allocated in the window and live at its end"
           : facts_.ended == Ended::kRunning ? "LIVE: sites by bytes live now"
                                             : "LEAKS: sites by bytes never freed";
  }

  void WriteChurn() {
    WriteSites("CHURN: sites by calls", Calls, &Writer::ChurnLine);
    WriteSites("CHURN: sites by bytes", Bytes, &Writer::ChurnLine);
    WriteSites("CHURN: sites by temporary allocations", Temporary, &Writer::ChurnLine);
    if (HasAllSites()) WriteSizesText(named_, output());
  }

  void WriteLeaks() {
    WriteSites(LiveHeading(), LeakedBytes, &Writer::LeakLine);
    WriteSites("PEAK: sites by bytes live at the heap's peak", PeakBytes, &Writer::PeakLine);
    WriteSuppressed();
    if (HasAllSites()) WriteTimelineText(named_, output());
  }

  // Sizes and what is live over time are known of all sites together.
  bool HasAllSites() const { return named_.profile.view.stacks.empty(); }

  void WriteSites(const char* heading, SiteKey key,
                  std::string (Writer::*describe)(const HeapSite&) const) {
    const HeapProfile& heap = named_.profile.heap;
    Heading(heading);
    const std::vector<const HeapSite*> sites = TopSites(heap, key, limit_);
    if (sites.empty()) Line("  none");
    for (size_t i = 0; i < sites.size(); ++i) {
      const bool is_in_doubt = i > 0 && MayBeLess(key(*sites[i - 1]), key(*sites[i]));
      WriteSite(*sites[i], (this->*describe)(*sites[i]), is_in_doubt);
    }
    const auto others =
        std::count_if(heap.sites.begin(), heap.sites.end(),
                      [key](const HeapSite& site) { return key(site).value() > 0; }) -
        static_cast<std::ptrdiff_t>(sites.size());
    if (others > 0) Line("  and ", FormatCount(static_cast<double>(others)), " more sites");
  }

  void WriteSite(const HeapSite& site, const std::string& description, bool is_rank_in_doubt) {
    const auto [found, is_first] = numbers_.try_emplace(&site, numbers_.size() + 1);
    const SourceFrame* place = named_.names.Headline(site.stack);
    Line("  [S", found->second, "] ", place == nullptr ? "(no stack)" : Place(*place),
         is_rank_in_doubt ? "  (may rank above the one before)" : "");
    Line("       ", description);
    if (site.merged_sites > 1)
      Line("       ", Count(site.merged_sites), " sites, ", Name(site.api));
    // Of a group there is the place alone, unless it is of equal stacks.
    if (!is_first || (site.merged_sites > 1 && named_.names.Frames(site.stack).size() < 2)) return;
    Line("       ", Name(site.api), " called from");
    WriteStack(site.stack, "         ");
  }

  // From the place on, unless all is asked for: what comes before it is the same for many places. Code without a name may
  // be anyone's.
  void WriteStack(StackId stack, const char* indent) {
    const std::vector<const SourceFrame*> frames = named_.names.Frames(stack);
    const SourceFrame* place = named_.names.Headline(stack);
    auto first = frames.begin();
    if (!input_.all_frames) {
      first = std::find_if(first, frames.end(), [place](const SourceFrame* frame) {
        return frame == place || (IsNameless(*frame) && !IsRuntimeModule(frame->module));
      });
    }
    if (first != frames.begin()) {
      Line(indent, "(", first - frames.begin(), first - frames.begin() == 1 ? " frame" : " frames",
           " of the allocator, libc or std::)");
    }
    for (auto frame = first; frame != frames.end(); ++frame) {
      Line(indent, Place(**frame), (*frame)->inlined ? " inlined" : "");
    }
    if (named_.names.IsTruncated(stack)) Line(indent, "... (stack truncated)");
  }

  std::string ChurnLine(const HeapSite& site) const {
    const HeapMetrics& metrics = site.metrics;
    std::string line = absl::StrCat(
        Count(metrics.allocations), " calls (",
        FormatShare(Calls(site).value(), named_.profile.heap.total.allocations.value()), "), ",
        Size(metrics.bytes), ", ", Count(metrics.temporary), " temporary (",
        FormatShare(Temporary(site).value(), Calls(site).value()), ")");
    if (!site.lifetimes.IsEmpty()) {
      absl::StrAppend(&line, ", lived ",
                      FormatDuration(site.lifetimes.Mean(facts_.duration_ns).value), " on average");
      absl::StrAppend(&line, ", median ",
                      FormatDuration(site.lifetimes.Median(facts_.duration_ns).value));
    }
    return line;
  }

  std::string LeakLine(const HeapSite& site) const {
    const HeapMetrics& metrics = site.metrics;
    return absl::StrCat(
        Size(metrics.leaked_bytes), " in ", Count(metrics.leaked_blocks), " blocks (",
        FormatShare(LeakedBytes(site).value(), named_.profile.heap.total.leaked_bytes.value()),
        "), of ", Count(metrics.allocations), " allocated");
  }

  std::string PeakLine(const HeapSite& site) const {
    return absl::StrCat(
        Size(site.metrics.peak_bytes), " (",
        FormatShare(PeakBytes(site).value(), named_.profile.heap.total.peak_bytes.value()), ")");
  }

  void WriteSuppressed() {
    std::vector<std::pair<std::string, HeapMetrics>> reasons;
    for (const HeapSite& site : named_.profile.heap.sites) {
      if (site.suppressed_by == nullptr) continue;
      auto found = std::find_if(reasons.begin(), reasons.end(), [&](const auto& reason) {
        return reason.first == site.suppressed_by;
      });
      if (found == reasons.end()) {
        found = reasons.insert(found, {site.suppressed_by, HeapMetrics()});
      }
      found->second.Merge(site.metrics);
    }
    if (reasons.empty()) return;
    Heading("NOT COUNTED AS LEAKED");
    for (const auto& [reason, metrics] : reasons) {
      Line("  ", Size(metrics.live_bytes), " in ", Count(metrics.live_blocks), " blocks: ", reason);
    }
  }

  void WriteNext() {
    const std::string dump = EscapeForTerminal(ShellWord(named_.profile.dump.path));
    Line();
    Line("next: analyzer report --format json -o report.json ", dump);
  }

  const ReportInput& input_;
  const Sections& sections_;
  const uint64_t limit_;
  const NamedProfile& named_;
  const ProcessFacts& facts_;
  const Unseen unseen_;
  absl::flat_hash_map<const HeapSite*, size_t> numbers_;
};

}  // namespace

void WriteTextReport(const ReportInput& input, Output* output) {
  bool is_first = true;
  for (const NamedProfile& named : input.profiles) {
    if (!is_first) output->Write("\n\n");
    is_first = false;
    Writer(input, named, output).Write();
  }
  for (const UnusableInput& unusable : input.unusable) {
    output->Write(absl::StrCat("not used: ", EscapeForTerminal(unusable.error), "\n"));
  }
  for (const std::string& problem : input.symbolizer->Problems()) {
    output->Write(absl::StrCat("symbols: ", EscapeForTerminal(problem), "\n"));
  }
}

}  // namespace perfagent
