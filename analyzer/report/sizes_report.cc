#include "analyzer/report/sizes_report.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/str_format.h"
#include "analyzer/model/size_classes.h"
#include "analyzer/report/format.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// From here on allocators may map blocks on their own, in pages (glibc: 128 KiB at the least, tcmalloc 256).
constexpr size_t kFirstMappedBucket = 18;

bool IsUsableKnown(const NamedProfile& named, size_t bucket) {
  return bucket < kFirstMappedBucket &&
         SizeClassesOf(named.profile.dump.process.facts.allocator) != SizeClasses::kUnknown;
}

class HeapWriter : private LineWriter {
 public:
  HeapWriter(const NamedProfile& named, Output* output)
      : LineWriter(output, 13), named_(named), heap_(named.profile.heap) {}

  void WriteSizes() {
    if (heap_.total.allocations.IsEmpty()) return;
    Line();
    Line("SIZES: blocks by the bytes asked for");
    Line(absl::StrFormat("  %10s %12s %8s %10s  %s", "up to", "calls", "", "bytes",
                         "usable, at least"));
    for (size_t i = 0; i < heap_.sizes.size(); ++i) {
      if (!heap_.sizes[i].allocations.IsEmpty()) WriteSize(i, heap_.sizes[i]);
    }
  }

  void WriteTimeline() {
    const std::vector<LiveSlot>& slots = heap_.timeline;
    const double most = MostLive();
    if (slots.empty() || most <= 0) return;
    Line();
    Line("LIVE OVER TIME: in ", slots.size(), " parts; ^ is the peak, ",
         FormatBytes(heap_.total.peak_bytes.value()), " at ",
         FormatDuration(static_cast<double>(heap_.peak_time_ns)));
    for (int row = kRows; row > 0; --row) WriteRow(row, most);
    const std::string axis(slots.size(), '-');
    Line("             +", axis);
    Line("              ", std::string(PeakSlot(), ' '), "^");
    Line("              ", FormatDuration(static_cast<double>(named_.profile.view.since_ns)),
         " to ", FormatDuration(static_cast<double>(slots.back().end_ns)));
  }

 private:
  static constexpr int kRows = 8;

  void WriteSize(size_t bucket, const SizeBucket& size) {
    const double calls = size.allocations.value();
    Line(absl::StrFormat(
        "  %10s %12s %8s %10s  %s", FormatBytes(GreatestSizeIn(bucket)), FormatCount(calls),
        FormatShare(calls, heap_.total.allocations.value()), FormatBytes(size.bytes.value()),
        IsUsableKnown(named_, bucket) ? FormatBytes(size.usable_bytes.value()) : ""));
  }

  double MostLive() const {
    double most = 0;
    for (const LiveSlot& slot : heap_.timeline) most = std::max(most, slot.bytes.value());
    return most;
  }

  size_t PeakSlot() const {
    const auto found =
        std::find_if(heap_.timeline.begin(), heap_.timeline.end(),
                     [this](const LiveSlot& slot) { return heap_.peak_time_ns < slot.end_ns; });
    const auto last = heap_.timeline.end() - 1;
    return static_cast<size_t>(std::min(found, last) - heap_.timeline.begin());
  }

  // A dot is half a row.
  void WriteRow(int row, double most) {
    std::string bars;
    for (const LiveSlot& slot : heap_.timeline) {
      const double height = slot.bytes.value() / most * kRows;
      bars += height >= row - 0.25 ? '#' : height >= row - 0.75 ? '.' : ' ';
    }
    bars.erase(bars.find_last_not_of(' ') + 1);
    Line(absl::StrFormat("  %10s |", row == kRows ? FormatBytes(most) : ""), bars);
  }

  const NamedProfile& named_;
  const HeapProfile& heap_;
};

}  // namespace

void WriteSizesText(const NamedProfile& named, Output* output) {
  HeapWriter(named, output).WriteSizes();
}

void WriteTimelineText(const NamedProfile& named, Output* output) {
  HeapWriter(named, output).WriteTimeline();
}

void WriteSizesJson(const NamedProfile& named, JsonWriter* json) {
  json->Key("sizes").BeginArray();
  for (size_t i = 0; i < named.profile.heap.sizes.size(); ++i) {
    const SizeBucket& size = named.profile.heap.sizes[i];
    if (size.allocations.IsEmpty()) continue;
    json->BeginObject();
    json->Key("up_to").Number(GreatestSizeIn(i));
    WriteTally(json, "allocations", size.allocations);
    WriteTally(json, "bytes", size.bytes);
    if (IsUsableKnown(named, i)) {
      WriteTally(json, "usable_bytes", size.usable_bytes);
    } else {
      json->Key("usable_bytes").Null();
    }
    json->EndObject();
  }
  json->EndArray();
}

void WriteTimelineJson(const NamedProfile& named, JsonWriter* json) {
  json->Key("timeline").BeginArray();
  for (const LiveSlot& slot : named.profile.heap.timeline) {
    json->BeginObject();
    json->Key("time_ns").Integer(slot.end_ns);
    WriteTally(json, "live_bytes", slot.bytes);
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace perfagent
