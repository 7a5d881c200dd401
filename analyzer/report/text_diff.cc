#include "analyzer/report/text_diff.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/model/function_names.h"
#include "analyzer/model/stack_names.h"
#include "analyzer/report/format.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

constexpr uint64_t kDefaultLimit = 10;
constexpr size_t kMaxDumps = 3;
constexpr size_t kMaxFrames = 5;

std::string Plural(size_t count, const char* one, const char* many) {
  return absl::StrCat(FormatCount(static_cast<double>(count)), " ", count == 1 ? one : many);
}

std::string FormatMean(Unit unit, const Figure& figure) {
  const bool is_exact = figure.mean.IsExact();
  return absl::StrCat(is_exact ? "" : "~", FormatIn(unit, figure.mean.value));
}

std::string Signed(Unit unit, double value) {
  return absl::StrCat(value < 0 ? "-" : "+", FormatIn(unit, std::abs(value)));
}

std::string Relative(const MetricChange& change) {
  const double base = change.base.mean.value;
  if (base <= 0) return "";
  return absl::StrFormat(", %+.1f %%", change.difference.change.value / base * 100);
}

class DiffWriter : private LineWriter {
 public:
  DiffWriter(const Comparison& comparison, uint64_t limit, Output* output)
      : LineWriter(output, 13), comparison_(comparison), limit_(limit) {}

  void Write() {
    WriteSide("BASE", comparison_.base);
    WriteSide("NEW", comparison_.now);
    WriteMethod();
    WriteTotals();
    if (comparison_.has_heap) WriteThings("SITES", comparison_.sites, "S");
    if (comparison_.has_locks) WriteThings("LOCKS", comparison_.locks, "L");
  }

 private:
  void WriteSide(const char* name, const Side& side) {
    std::string dumps;
    const size_t shown = std::min(side.dumps.size(), kMaxDumps);
    for (size_t i = 0; i < shown; ++i) {
      absl::StrAppend(&dumps, i == 0 ? "" : ", ", EscapeForTerminal(side.dumps[i]));
    }
    if (shown < side.dumps.size())
      absl::StrAppend(&dumps, " and ", side.dumps.size() - shown, " more");
    Line(absl::StrFormat("%-4s  ", name), dumps);
    Line("      ", Plural(side.runs, "run", "runs"), " of ",
         Plural(side.processes, "process", "processes"), ", ",
         side.widest_interval_bytes == 0
             ? "every block recorded"
             : absl::StrCat("sampled, at most ",
                            FormatBytes(static_cast<double>(side.widest_interval_bytes)),
                            " on average between samples"));
  }

  void WriteMethod() {
    Line();
    const bool has_several_runs = comparison_.HasSeveralRuns();
    Line("Figures are those of ", has_several_runs ? "an average run" : "the one run of each side",
         "; changes with 95 % intervals, which hold ",
         has_several_runs ? "the sampling and how runs differ." : "the sampling's error.");
    if (!has_several_runs) {
      Line("How much runs differ by themselves one run a side cannot say: ",
           comparison_.IsOneRunOfTimed()
               ? "with threads, or an end from outside, counts\nare taken to scatter as those of "
                 "independent events"
               : "exact changes are facts about these two",
           ", and waits are not judged. Give several.");
    }
    if (comparison_.tested > 0) {
      Line(Plural(comparison_.tested, "figure was", "figures were"),
           " tested together (Holm, 5 %): if nothing changed, 95 of 100 comparisons name nothing.");
    }
    if (!comparison_.has_heap) Line("The heap was not recorded on both sides.");
    if (!comparison_.has_locks) Line("Locks were not recorded on both sides.");
  }

  void WriteTotals() {
    Line();
    Line("TOTAL");
    for (const MetricChange& change : comparison_.total) {
      if (change.verdict != Verdict::kSame || change.base.mean.value > 0) WriteMetric("  ", change);
    }
  }

  void WriteThings(const char* title, const std::vector<ThingChange>& things, const char* letter) {
    const auto named = static_cast<size_t>(
        std::count_if(things.begin(), things.end(), [](const auto& t) { return t.is_named; }));
    const auto changed = [](const ThingChange& thing) {
      return std::any_of(thing.metrics.begin(), thing.metrics.end(),
                         [](const MetricChange& m) { return m.verdict != Verdict::kSame; });
    };
    const auto others =
        static_cast<size_t>(std::count_if(things.begin(), things.end(), changed)) - named;
    Line();
    Line(title, ": ",
         named == 0 ? "nothing changed that can be told from chance"
                    : absl::StrCat(FormatCount(static_cast<double>(named)),
                                   " changed, largest share first"),
         others == 0
             ? ""
             : absl::StrCat("; ", FormatCount(static_cast<double>(others)),
                            " more differ by no more than chance may do, or cannot be judged"));
    const size_t shown = std::min<uint64_t>(limit_, named);
    for (size_t i = 0; i < shown; ++i) WriteThing(absl::StrCat(letter, i + 1), things[i]);
    if (shown < named) Line("  and ", FormatCount(static_cast<double>(named - shown)), " more");
  }

  void WriteThing(const std::string& id, const ThingChange& thing) {
    const Thing& either = thing.match.either();
    Line("  [", id, "] ", PlaceText(thing.match));
    if (!thing.match.base) Line("       only in NEW");
    if (!thing.match.now) Line("       only in BASE");
    for (const MetricChange& change : thing.metrics) {
      if (change.verdict != Verdict::kSame) WriteMetric("       ", change);
    }
    if (either.frames.empty()) return;
    Line("       ", either.is_lock ? "allocated by " : "", EscapeForTerminal(either.kind),
         " called from");
    const size_t shown = std::min(either.frames.size(), kMaxFrames);
    for (size_t i = 0; i < shown; ++i) Line("         ", Place(either.frames[i]));
    if (shown < either.frames.size()) Line("         ...");
  }

  void WriteMetric(const char* indent, const MetricChange& change) {
    Line(indent, absl::StrFormat("%-13s  ", Traits(change.metric).name), ChangeText(change));
  }

  const Comparison& comparison_;
  const uint64_t limit_;
};

// What is named needs no words.
const char* VerdictText(Verdict verdict) {
  if (verdict == Verdict::kUncertain) return "  no more than chance may do";
  return verdict == Verdict::kUnjudged ? "  not judged" : "";
}

}  // namespace

std::string ChangeText(const MetricChange& change) {
  const Unit unit = Traits(change.metric).unit;
  const Estimate& by = change.difference.change;
  if (change.verdict == Verdict::kSame)
    return absl::StrCat(FormatMean(unit, change.now), ", as before");
  std::string text = absl::StrCat(FormatMean(unit, change.base), " -> ",
                                  FormatMean(unit, change.now), "  (", Signed(unit, by.value));
  if (!by.IsExact()) {
    absl::StrAppend(&text, ", ", Signed(unit, by.low), " to ", Signed(unit, by.high));
  }
  return absl::StrCat(text, Relative(change), ")", VerdictText(change.verdict));
}

std::string PlaceText(const Match& match) {
  const Thing& either = match.either();
  if (either.frames.empty()) return EscapeForTerminal(either.name);
  const SourceFrame& place = either.frames[either.place];
  std::string text =
      either.is_lock ? absl::StrCat(EscapeForTerminal(either.name), " allocated in ", Place(place))
                     : Place(place);
  if (!match.base || !match.now || match.base->frames.empty()) return text;
  const SourceFrame& before = match.base->frames[match.base->place];
  if (BaseName(before.file) != BaseName(place.file)) {
    return absl::StrCat(text, ", in BASE ", Place(before));
  }
  return before.line == place.line ? text : absl::StrCat(text, ", in BASE line ", before.line);
}

void WriteTextDiff(const Comparison& comparison, std::optional<uint64_t> limit, Output* output) {
  DiffWriter(comparison, limit.value_or(kDefaultLimit), output).Write();
}

}  // namespace perfagent
