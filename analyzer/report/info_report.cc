#include "analyzer/report/info_report.h"

#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/report/format.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {
namespace {

// In the order of the alternatives of Record.
constexpr const char* kRecordNames[] = {
    "thread",       "thread_end",   "module_load",    "module_unload", "stack",
    "alloc",        "free",         "realloc",        "lock_wait",     "lock_release",
    "lock_section", "lock_acquire", "allocator_call", "memory",        "peak_resident",
    "interval",     "mark",         "unseen",         "clock",         "thin",
    "reset",        "lock_frame",   "lock_mapping",   "node"};
static_assert(std::size(kRecordNames) == std::variant_size_v<Record>);

class Writer : private LineWriter {
 public:
  Writer(const LoadedDump& dump, Output* output)
      : LineWriter(output, 18), dump_(dump), facts_(dump.process.facts) {}
  void Write() {
    WriteProcess();
    WriteSettings();
    WriteSegments();
    WriteRecords();
    WriteThreads();
    WriteModules();
    WriteUnseenObjects();
    WriteLosses();
  }

 private:
  void WriteProcess() {
    const HeaderPage& header = dump_.file.header();
    Line(EscapeForTerminal(dump_.path));
    Fact("format", header.version_major, ".", header.version_minor);
    Fact("executable", EscapeForTerminal(facts_.executable));
    Fact("command", EscapeForTerminal(facts_.command_line));
    Fact("pid", facts_.pid, " (parent ", facts_.parent_pid, ")");
    Fact("host", EscapeForTerminal(facts_.host));
    Fact("allocator", OrUnknown(facts_.allocator));
    if (!facts_.bypassed_by.empty()) Fact("bypassed by", EscapeForTerminal(facts_.bypassed_by));
    if (!facts_.recorder.empty()) Fact("recorded by", EscapeForTerminal(facts_.recorder));
    Fact("started",
         facts_.start_realtime_ns == 0 ? "not known" : FormatTime(facts_.start_realtime_ns));
    Fact("duration", FormatDuration(static_cast<double>(facts_.duration_ns)));
    Fact("clock", ClockName());
    Fact("ended", Name(facts_.ended));
    if (facts_.exit_status) Fact("exit status", *facts_.exit_status);
  }

  std::string ClockName() const {
    if (dump_.file.header().clock == Clock::kMonotonic) return "CLOCK_MONOTONIC";
    return absl::StrFormat("tsc, %.3g GHz", dump_.index.clock.TicksPerSecond() / 1e9);
  }

  static std::string OrUnknown(const std::string& name) {
    return name.empty() ? "not known" : EscapeForTerminal(name);
  }

  void WriteSettings() {
    Line("settings");
    Fact("mode", ModeText(facts_));
    Fact("heap", facts_.heap_enabled ? "on" : "off");
    Fact("locks", facts_.locks_enabled ? "on" : "off");
    Fact("paused", facts_.paused ? "yes" : "no");
    Fact("interval_bytes", facts_.interval_bytes, facts_.interval_is_auto ? " (auto)" : "");
    Fact("budget_ppm", facts_.budget_ppm);
    Fact("wait_interval_ns", ThreeDigits(facts_.wait_interval_ns));
    Fact("acquire_interval", facts_.acquire_interval);
    Fact("max_frames", facts_.max_frames);
    Fact("max_size", FormatBytes(static_cast<double>(facts_.max_size_bytes)));
    Fact("seed", facts_.seed);
  }

  void WriteSegments() {
    const SegmentIndex& index = dump_.index;
    Line("segments");
    Fact("claimed", index.claimed_segments);
    Fact("of events", index.event_segments, " in ", index.streams.size(), " streams");
    Fact("of lock tables", index.lock_tables.size());
    Fact("never used", index.empty_segments);
    Fact("file", FormatBytes(static_cast<double>(dump_.file.size_bytes())));
    Fact("whole walks", FormatCount(static_cast<double>(index.whole_walk_frames)), " frames");
  }

  void WriteRecords() {
    Line("records");
    RecordCount events;
    const RecordCounts& counts = dump_.index.records;
    for (size_t kind = 0; kind < counts.size(); ++kind) {
      const RecordCount& count = counts[kind];
      if (IsEventKind(kind)) events.records += count.records;
      events.bytes += count.bytes;
      if (count.records == 0) continue;
      Fact(kRecordNames[kind], FormatCount(static_cast<double>(count.records)), " (",
           BytesEach(count), " bytes each)");
    }
    Fact("events", FormatCount(static_cast<double>(events.records)), " (", BytesEach(events),
         " bytes each, stacks and modules included)");
  }

  static std::string BytesEach(const RecordCount& count) {
    if (count.records == 0) return "0";
    return absl::StrFormat("%.2f",
                           static_cast<double>(count.bytes) / static_cast<double>(count.records));
  }

  void WriteThreads() {
    Line("threads");
    for (const Thread& thread : dump_.process.threads()) {
      Fact(absl::StrCat(thread.tid).c_str(), EscapeForTerminal(thread.name), ", stream ",
           thread.stream, ", from ", FormatDuration(static_cast<double>(thread.begin_ns)));
    }
  }

  void WriteModules() {
    Line("modules");
    for (const ModuleImage& module : dump_.process.modules()) {
      Line("  0x", absl::Hex(module.start), "-0x", absl::Hex(module.end), " bias 0x",
           absl::Hex(module.bias), " ", EscapeForTerminal(module.path), " build id ",
           module.build_id.empty() ? "none" : std::string(absl::BytesToHexString(module.build_id)));
    }
  }

  void WriteUnseenObjects() {
    const std::vector<std::string>& objects = dump_.process.unseen_objects();
    if (objects.empty()) return;
    Line("not seen: malloc calls of");
    for (const std::string& object : objects) Line("  ", EscapeForTerminal(object));
  }

  void WriteLosses() {
    Line("lost");
    if (facts_.losses.empty()) Line("  nothing");
    for (const LossCount& loss : facts_.losses) {
      Fact(loss.cause.c_str(), FormatCount(static_cast<double>(loss.count)), " (", loss.text, ")");
    }
    Line("damage");
    if (dump_.damage.empty()) Line("  none");
    for (const Damage& damage : dump_.damage) Line("  ", EscapeForTerminal(damage.ToString()));
  }

  const LoadedDump& dump_;
  const ProcessFacts& facts_;
};

}  // namespace

void WriteInfo(const LoadedDump& dump, Output* output) { Writer(dump, output).Write(); }

}  // namespace perfagent
