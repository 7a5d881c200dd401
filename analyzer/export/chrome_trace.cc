// A trace for Perfetto and chrome://tracing: each thread's waits as slices, each lock's holds on a track of its own, arrows
// from who released a lock to who then got it, and the heap's size as a counter.
//
// Slices of one thread must nest. Waits do but for the rounding of their times, which is cut off. Holds do not: they are
// asynchronous, each lock's one after the other, those of an rwlock's readers in several lanes.
#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "analyzer/export/export_format.h"
#include "analyzer/export/trace_events.h"
#include "analyzer/model/function_names.h"
#include "analyzer/report/format.h"
#include "analyzer/report/json_writer.h"
#include "analyzer/report/lock_names.h"

namespace perfagent {
namespace {

// More make the file large and say little.
constexpr size_t kMostFrames = 24;

// Ends what reaches over the end of the slice that contains its begin. Sorted as LongestSpans has them.
void Nest(std::vector<LockSpan>* spans) {
  std::vector<const LockSpan*> open;
  for (LockSpan& span : *spans) {
    while (!open.empty() &&
           (open.back()->tid != span.tid || open.back()->end_ns() <= span.begin_ns)) {
      open.pop_back();
    }
    if (!open.empty())
      span.length_ns = std::min(span.length_ns, open.back()->end_ns() - span.begin_ns);
    open.push_back(&span);
  }
}

class Writer {
 public:
  Writer(const ExportInput& input, Output* output)
      : input_(input),
        profile_(input.named.profile),
        names_(input.named.names),
        json_(output),
        pid_(profile_.dump.process.facts.pid) {
    for (const Lock& lock : profile_.locks.locks) {
      if (lock.is_lock) are_locks_.insert(lock.address);
    }
  }

  ExportNotes Write() {
    TraceEvents events = ReadTraceEvents(profile_, input_.limit, [this](uint64_t lock, LockApi) {
      return are_locks_.contains(lock);
    });
    json_.BeginObject();
    json_.Key("displayTimeUnit").String("ns");
    json_.Key("traceEvents").BeginArray();
    WriteNames();
    WriteWaits(events.waits.Take(), events.others.Take());
    WriteHolds(events.holds.Take());
    WriteCounters();
    WriteMarks();
    json_.EndArray();
    json_.Key("otherData").BeginObject();
    json_.Key("command").String(profile_.dump.process.facts.command_line);
    json_.Key("recorder").String("perfagent");
    ExportNotes notes;
    WriteCut("contended waits", "waits", events.waits, &notes);
    WriteCut("waits for conditions, semaphores and the like", "other_waits", events.others, &notes);
    WriteCut("holds", "holds", events.holds, &notes);
    json_.EndObject();
    json_.EndObject();
    return notes;
  }

 private:
  void WriteCut(const char* things, const char* key, const LongestSpans& spans,
                ExportNotes* notes) {
    json_.Key(key).Integer(spans.seen());
    json_.Key(absl::StrCat(key, "_left_out")).Integer(spans.left_out());
    json_.Key(absl::StrCat(key, "_left_out_ns")).Integer(spans.left_out_ns());
    if (spans.left_out() == 0) return;
    notes->push_back(absl::StrCat(
        "left out: the ", FormatCount(static_cast<double>(spans.left_out())), " shortest of ",
        FormatCount(static_cast<double>(spans.seen())), " ", things, ", ",
        FormatDuration(static_cast<double>(spans.left_out_ns())), " in all (-n N)"));
  }

  // The fields that all events have; the object is left open.
  void Begin(const char* phase, const std::string& name, uint64_t time_ns) {
    json_.BeginObject();
    json_.Key("ph").String(phase);
    json_.Key("name").String(name);
    json_.Key("pid").Integer(pid_);
    json_.Key("ts").Number(Microseconds(time_ns));
  }
  static double Microseconds(uint64_t ns) { return static_cast<double>(ns) / 1000; }

  void WriteName(const char* what, uint64_t tid, const std::string& name) {
    Begin("M", what, 0);
    json_.Key("tid").Integer(tid);
    json_.Key("args").BeginObject();
    json_.Key("name").String(name);
    json_.EndObject();
    json_.EndObject();
  }

  void WriteNames() {
    const ProcessFacts& facts = profile_.dump.process.facts;
    WriteName("process_name", facts.pid, BaseName(facts.executable));
    for (const Thread& thread : profile_.dump.process.threads())
      WriteName("thread_name", thread.tid, thread.name);
  }

  void WriteWaits(std::vector<LockSpan> waits, const std::vector<LockSpan>& others) {
    const auto is_before = [](const LockSpan& a, const LockSpan& b) {
      return std::tuple(a.tid, a.begin_ns, b.length_ns) <
             std::tuple(b.tid, b.begin_ns, a.length_ns);
    };
    waits.insert(waits.end(), others.begin(), others.end());
    std::sort(waits.begin(), waits.end(), is_before);
    Nest(&waits);
    for (const LockSpan& wait : waits) WriteWait(wait);
  }

  void WriteWait(const LockSpan& wait) {
    const std::string& name = NameOf(wait.lock);
    Begin("X", "wait for " + name, wait.begin_ns);
    json_.Key("cat").String(are_locks_.contains(wait.lock) ? "wait" : "idle");
    json_.Key("tid").Integer(wait.tid);
    json_.Key("dur").Number(Microseconds(wait.length_ns));
    WriteArguments(wait);
    json_.EndObject();
    if (!wait.release) return;
    const std::string release = "release " + name;
    // Without a length it nests in whatever the thread was doing.
    Begin("X", release, wait.release->time_ns);
    json_.Key("cat").String("release");
    json_.Key("tid").Integer(wait.release->tid);
    json_.Key("dur").Integer(0);
    json_.EndObject();
    ++flows_;
    WriteFlow("s", wait.release->tid, wait.release->time_ns);
    WriteFlow("f", wait.tid, wait.end_ns());
  }

  void WriteFlow(const char* phase, uint64_t tid, uint64_t time_ns) {
    Begin(phase, "hand-over", time_ns);
    json_.Key("cat").String("hand-over");
    json_.Key("tid").Integer(tid);
    json_.Key("id").Integer(flows_);
    json_.Key("bp").String("e");
    json_.EndObject();
  }

  void WriteArguments(const LockSpan& span) {
    json_.Key("args").BeginObject();
    json_.Key("lock").String(NameOf(span.lock));
    json_.Key("address").String(absl::StrCat("0x", absl::Hex(span.lock)));
    json_.Key("call").String(Name(span.api));
    if (span.weight != 1) json_.Key("stands_for").Number(span.weight);
    json_.Key("stack").BeginArray();
    size_t frames = 0;
    for (const SourceFrame* frame : names_.Frames(span.stack)) {
      if (frames++ == kMostFrames) {
        json_.String("...");
        break;
      }
      json_.String(frame->function);
    }
    json_.EndArray();
    json_.EndObject();
  }

  void WriteHolds(std::vector<LockSpan> holds) {
    std::sort(holds.begin(), holds.end(), [](const LockSpan& a, const LockSpan& b) {
      return std::tuple(a.lock, a.begin_ns) < std::tuple(b.lock, b.begin_ns);
    });
    std::vector<uint64_t> lanes;  // when the last hold of each ends
    for (size_t i = 0; i < holds.size(); ++i) {
      if (i == 0 || holds[i].lock != holds[i - 1].lock) lanes.clear();
      auto lane = std::find_if(lanes.begin(), lanes.end(),
                               [&](uint64_t end_ns) { return end_ns <= holds[i].begin_ns; });
      if (lane == lanes.end()) lane = lanes.insert(lane, 0);
      *lane = holds[i].end_ns();
      WriteHold(holds[i], static_cast<size_t>(lane - lanes.begin()));
    }
  }

  void WriteHold(const LockSpan& hold, size_t lane) {
    const std::string id = absl::StrCat("0x", absl::Hex(hold.lock), ".", lane);
    const auto begin = [&](const char* phase, uint64_t time_ns) {
      Begin(phase, "hold " + NameOf(hold.lock), time_ns);
      json_.Key("cat").String("hold");
      json_.Key("tid").Integer(hold.tid);
      json_.Key("id").String(id);
    };
    begin("b", hold.begin_ns);
    WriteArguments(hold);
    json_.EndObject();
    begin("e", hold.end_ns());
    json_.EndObject();
  }

  void WriteCounters() {
    for (const LiveSlot& slot : profile_.heap.timeline) {
      Begin("C", "heap", slot.end_ns);
      json_.Key("args").BeginObject();
      json_.Key("live bytes").Number(std::max(std::round(slot.bytes.value()), 0.0));
      json_.EndObject();
      json_.EndObject();
    }
    for (const ResidentPoint& point : profile_.heap.peak_resident.points)
      WriteBytesCounter("peak resident", point.time_ns, point.peak_bytes);
    if (const auto& memory = profile_.heap.memory_at_end)
      WriteBytesCounter("resident", memory->time,
                        memory->anonymous + memory->file + memory->shared);
  }

  void WriteBytesCounter(const char* name, uint64_t time_ns, uint64_t bytes) {
    Begin("C", name, time_ns);
    json_.Key("args").BeginObject();
    json_.Key("bytes").Integer(bytes);
    json_.EndObject();
    json_.EndObject();
  }

  void WriteMarks() {
    for (const Mark& mark : profile_.dump.process.marks()) {
      Begin("i", mark.text, mark.time_ns);
      json_.Key("s").String("g");
      json_.EndObject();
    }
  }

  const std::string& NameOf(uint64_t lock) {
    const auto [found, is_new] = lock_names_.try_emplace(lock);
    if (is_new) found->second = LockNameAt(lock, input_.named);
    return found->second;
  }

  const ExportInput& input_;
  const Profile& profile_;
  StackNames& names_;
  JsonWriter json_;
  const uint32_t pid_;
  absl::flat_hash_set<uint64_t> are_locks_;  // addresses
  absl::flat_hash_map<uint64_t, std::string> lock_names_;
  uint64_t flows_ = 0;
};

}  // namespace

ExportNotes WriteChromeTrace(const ExportInput& input, Output* output) {
  ExportNotes notes = Writer(input, output).Write();
  output->Write("\n");
  return notes;
}

}  // namespace perfagent
