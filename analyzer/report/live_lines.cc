#include "analyzer/report/live_lines.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/model/function_names.h"
#include "analyzer/report/format.h"
#include "analyzer/report/report_input.h"
#include "analyzer/report/styled_output.h"
#include "analyzer/report/terminal.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// What is rare is counted in parts, too.
std::string FormatFewOrMany(double count) {
  return count > 0 && count < 9.995 ? absl::StrFormat("%.2f", count) : FormatCount(count);
}

std::string FormatBytesPerSecond(double bytes) { return FormatBytes(bytes) + "/s"; }

class Writer {
 public:
  Writer(const LiveLook& look, SiteOrder order, size_t columns)
      : look_(look), order_(order), columns_(columns) {}

  std::vector<std::string> Write() {
    WriteProcess();
    WriteTotals();
    WriteSites();
    WriteLocks();
    return std::move(lines_);
  }

 private:
  template <typename... Parts>
  void Line(const Parts&... parts) {
    const std::string line = absl::StrCat(parts...);
    if (columns_ == 0) return lines_.push_back(line);
    for (std::string& fitted : FitLine(line, columns_)) lines_.push_back(std::move(fitted));
  }

  double Seconds() const { return static_cast<double>(look_.end_ns - look_.begin_ns) / 1e9; }
  double Rate(double count) const { return Seconds() > 0 ? count / Seconds() : 0; }
  std::string PerSecond(const Tally& tally, std::string (*format)(double)) const {
    return absl::StrCat(tally.IsCertain() ? "" : "~", format(Rate(tally.value())));
  }
  std::string WithInterval(const Tally& tally, std::string (*format)(double)) const {
    Estimate rate = tally.Interval();
    for (double* end : {&rate.value, &rate.low, &rate.high}) *end = Rate(*end);
    return FormatEstimate(rate, format);
  }
  std::string Growth(double bytes) const {
    if (!look_.is_live_known) return "?";
    const double rate = Rate(bytes);
    // What is less than a byte is rounding.
    return absl::StrCat(rate >= 0.5 ? "+" : rate <= -0.5 ? "-" : "", FormatBytes(std::abs(rate)));
  }
  static std::string Temporary(const HeapActivity& heap) {
    return FormatShare(heap.temporary.value(), heap.calls.value());
  }

  void WriteProcess() {
    const ProcessFacts& facts = look_.facts;
    Line(EscapeForTerminal(look_.dump));
    Line("  program    ", EscapeForTerminal(facts.executable), ", pid ", facts.pid, ", ",
         facts.paused ? "paused" : HowItEnded(facts), " after ", Time(facts.duration_ns), ", ",
         ModeText(facts));
    Line("  looked at  ", Time(look_.end_ns - look_.begin_ns),
         look_.begin_ns == 0 ? " from its start on" : "", "; read ",
         FormatBytes(static_cast<double>(look_.bytes_read)), " in ", Time(look_.cost_ns));
    if (look_.resident_bytes) {
      Line("  resident   ", FormatBytes(static_cast<double>(*look_.resident_bytes)),
           " now, with what is mapped of this recording");
    }
    if (look_.unreadable_bytes > 0) {
      Line("  damaged    ", FormatBytes(static_cast<double>(look_.unreadable_bytes)),
           " could not be read: figures are without them");
    }
    if (const uint64_t lost = facts.TotalLost(); lost > 0)
      Line("  lost       ", Count(lost), " events so far; `analyzer report` says why");
  }

  void WriteTotals() {
    const HeapActivity& heap = look_.heap;
    if (look_.facts.heap_enabled) {
      Line("  allocates  ", WithInterval(heap.calls, FormatFewOrMany), " calls/s, ",
           WithInterval(heap.bytes, FormatBytesPerSecond), ", ", Temporary(heap), " temporary");
      if (!look_.is_live_known) {
        Line("  live       not known: what was recorded before was not read");
        return WriteWaits();
      }
      Line("  live       ", Size(look_.live_bytes), " in ", Count(look_.live_blocks), " blocks, ",
           Growth(heap.growth_bytes), "/s");
    }
    WriteWaits();
  }

  void WriteWaits() {
    if (look_.facts.locks_enabled) {
      Line("  waits      ", WaitsText(look_.lock_waits), " for locks; ",
           WaitsText(look_.other_waits), " for what is no lock; ", look_.threads_waiting,
           look_.threads_waiting == 1 ? " thread waits" : " threads wait", " for a lock now");
    }
  }

  std::string WaitsText(const Waits& waits) const {
    return absl::StrCat(FormatFewOrMany(Rate(static_cast<double>(waits.contended))), "/s, ",
                        FormatDuration(Rate(static_cast<double>(waits.wait_ns))), "/s");
  }

  void WriteSites() {
    if (!look_.facts.heap_enabled) return;
    Line();
    Line(absl::StrFormat("%10s %10s %9s %11s  ", "calls/s", "bytes/s", "temporary", "growth/s"),
         "SITES by ", Name(order_));
    for (const SiteActivity& site : look_.sites) {
      const HeapActivity& heap = site.heap;
      WriteRow(absl::StrFormat("%10s %10s %9s %11s  ", PerSecond(heap.calls, FormatFewOrMany),
                               PerSecond(heap.bytes, FormatBytes), Temporary(heap),
                               Growth(heap.growth_bytes)),
               SiteName(site));
    }
    WriteMore(look_.more_sites, look_.sites.empty());
  }

  // "parse (app.cc:12) < load < main": on a terminal with as many callers as fit.
  std::string SiteName(const SiteActivity& site) const {
    if (site.frames.empty()) return absl::StrCat("(no stack) ", perfagent::Name(site.api));
    const SourceFrame& place = *site.frames.front();
    std::string name = columns_ == 0 ? Place(place) : ShortPlace(place);
    for (size_t i = 1; i < site.frames.size(); ++i)
      absl::StrAppend(&name, " < ", EscapeForTerminal(QualifiedName(site.frames[i]->function)));
    return name;
  }

  // "parse (app.cc:12)" without parameters and directories.
  static std::string ShortPlace(const SourceFrame& frame) {
    SourceFrame shorter = frame;
    shorter.function = QualifiedName(frame.function);
    shorter.file = BaseName(frame.file);
    return Place(shorter);
  }

  void WriteRow(const std::string& figures, const std::string& name) {
    const size_t width = columns_ > figures.size() ? columns_ - figures.size() : 0;
    lines_.push_back(figures + (columns_ == 0 ? name : FitName(name, width)));
  }

  // Callers that do not fit are left out, from the outermost on; then the place itself is shortened.
  static std::string FitName(std::string name, size_t width) {
    for (size_t end = name.rfind(" < "); DisplayWidth(name) > width && end != name.npos;
         end = name.rfind(" < ")) {
      name.resize(end);
    }
    return ShortenMiddle(name, width);
  }

  void WriteLocks() {
    if (!look_.facts.locks_enabled) return;
    Line();
    Line(absl::StrFormat("%10s %10s  ", "waits/s", "waited/s"), "LOCKS by wait time");
    for (const LockActivity& lock : look_.locks) {
      const std::string figures = absl::StrFormat(
          "%10s %10s  ", FormatFewOrMany(Rate(static_cast<double>(lock.waits.contended))),
          FormatDuration(Rate(static_cast<double>(lock.waits.wait_ns))));
      WriteRow(figures,
               absl::StrCat(EscapeForTerminal(lock.name), lock.is_lock ? "" : " (no lock)"));
    }
    WriteMore(look_.more_locks, look_.locks.empty());
  }

  void WriteMore(size_t more, bool is_empty) {
    if (is_empty && more == 0) Line("        none");
    if (more > 0) Line("        and ", Count(more), " more");
  }

  const LiveLook& look_;
  const SiteOrder order_;
  const size_t columns_;
  std::vector<std::string> lines_;
};

}  // namespace

const char* Name(SiteOrder order) {
  switch (order) {
    case SiteOrder::kBytes:
      return "bytes";
    case SiteOrder::kCalls:
      return "calls";
    case SiteOrder::kTemporary:
      return "temporary allocations";
    case SiteOrder::kGrowth:
      return "growth";
  }
  return "";
}

std::vector<std::string> LiveLines(const LiveLook& look, SiteOrder order, size_t columns) {
  return Writer(look, order, columns).Write();
}

}  // namespace perfagent
