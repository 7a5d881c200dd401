#include "analyzer/report/json_report.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "analyzer/report/format.h"
#include "analyzer/report/json_writer.h"
#include "analyzer/report/unseen.h"

namespace perfagent {
namespace {

// What is counted or lasts is whole; rounding outwards keeps the interval's promise.
void WriteEstimate(JsonWriter* json, const Estimate& estimate) {
  json->BeginObject();
  json->Key("value").Number(std::round(estimate.value));
  json->Key("low").Number(std::floor(estimate.low));
  json->Key("high").Number(std::ceil(estimate.high));
  json->EndObject();
}

void WriteTally(JsonWriter* json, const char* key, const Tally& tally) {
  json->Key(key);
  WriteEstimate(json, tally.Interval());
}

void WriteExact(JsonWriter* json, const char* key, uint64_t value) {
  json->Key(key).BeginObject();
  json->Key("value").Integer(value);
  json->Key("low").Integer(value);
  json->Key("high").Integer(value);
  json->EndObject();
}

void WriteFrame(JsonWriter* json, const SourceFrame& frame) {
  json->BeginObject();
  json->Key("function").String(frame.function);
  json->Key("file").String(frame.file);
  json->Key("line").Signed(frame.line);
  json->Key("module").String(frame.module);
  json->Key("inlined").Bool(frame.inlined);
  json->EndObject();
}

void WriteStack(JsonWriter* json, const NamedProfile& named, StackId stack) {
  json->BeginArray();
  for (const SourceFrame* frame : named.names.Frames(stack)) WriteFrame(json, *frame);
  json->EndArray();
}

void WriteSettings(JsonWriter* json, const ProcessFacts& facts) {
  json->BeginObject();
  json->Key("mode").String(Name(facts.mode));
  json->Key("full_until_ns");
  if (facts.full_end) {
    json->Integer(facts.full_end->time_ns);
  } else {
    json->Null();
  }
  json->Key("heap").Bool(facts.heap_enabled);
  json->Key("locks").Bool(facts.locks_enabled);
  json->Key("interval_bytes").Integer(facts.interval_bytes);
  json->Key("interval_is_auto").Bool(facts.interval_is_auto);
  json->Key("budget_ppm").Integer(facts.budget_ppm);
  json->Key("wait_interval_ns").Integer(ThreeDigits(facts.wait_interval_ns));
  json->Key("acquire_interval").Integer(facts.acquire_interval);
  json->Key("max_frames").Integer(facts.max_frames);
  json->Key("max_size_bytes").Integer(facts.max_size_bytes);
  json->Key("seed").Integer(facts.seed);
  json->EndObject();
}

void WriteAgentCost(JsonWriter* json, const AgentCost& cost) {
  json->BeginObject();
  json->Key("slow_path_ns").Integer(cost.slow_path_ns);
  json->Key("cpu_ns").Integer(cost.cpu_ns);
  json->Key("share").Number(cost.Share());
  json->Key("bytes_written").Integer(cost.bytes_written);
  json->Key("free_lookups").Integer(cost.free_lookups);
  json->Key("whole_walk_frames").Integer(cost.whole_walk_frames);
  json->EndObject();
}

void WriteLossCause(JsonWriter* json, const LossCount& loss) {
  json->BeginObject();
  json->Key("cause").String(loss.cause);
  json->Key("count").Integer(loss.count);
  json->Key("text").String(loss.text);
  json->EndObject();
}

void WriteDamage(JsonWriter* json, const Damage& damage) {
  json->BeginObject();
  json->Key("file").String(damage.file);
  json->Key("offset").Integer(damage.offset);
  json->Key("text").String(damage.what);
  json->Key("skipped_bytes").Integer(damage.skipped_bytes);
  json->EndObject();
}

void WriteLoss(JsonWriter* json, const std::vector<NamedProfile>& profiles) {
  std::vector<LossCount> causes;
  uint64_t total = 0;
  uint64_t skipped_bytes = 0;
  for (const NamedProfile& named : profiles) {
    const LoadedDump& dump = named.profile.dump;
    total += dump.process.facts.TotalLost();
    skipped_bytes += dump.SkippedBytes();
    for (const LossCount& loss : dump.process.facts.losses) {
      const auto known = std::find_if(causes.begin(), causes.end(), [&](const LossCount& cause) {
        return cause.cause == loss.cause;
      });
      if (known == causes.end()) {
        causes.push_back(loss);
      } else {
        known->count += loss.count;
      }
    }
  }
  json->BeginObject();
  json->Key("total").Integer(total);
  json->Key("causes").BeginArray();
  for (const LossCount& loss : causes) WriteLossCause(json, loss);
  json->EndArray();
  json->Key("damaged_bytes").Integer(skipped_bytes);
  json->Key("damage").BeginArray();
  for (const NamedProfile& named : profiles) {
    for (const Damage& damage : named.profile.dump.damage) WriteDamage(json, damage);
  }
  json->EndArray();
  json->EndObject();
}

template <typename Texts>
void WriteTexts(JsonWriter* json, const char* key, const Texts& texts) {
  json->Key(key).BeginArray();
  for (const std::string& text : texts) json->String(text);
  json->EndArray();
}

void WriteUnseen(JsonWriter* json, const std::vector<NamedProfile>& profiles) {
  Unseen unseen;
  for (const NamedProfile& named : profiles) unseen.Merge(UnseenIn(named.profile));
  json->BeginObject();
  WriteTexts(json, "heap_bypassed_by", unseen.bypassed_by);
  WriteTexts(json, "objects", unseen.objects);
  json->Key("events").Integer(unseen.stacks.events);
  json->Key("frames").Integer(unseen.stacks.frames);
  json->Key("truncated_stacks").Integer(unseen.stacks.truncated);
  json->Key("missing_stacks").Integer(unseen.stacks.missing);
  json->Key("unpaired_frees").Integer(unseen.unpaired_frees);
  json->Key("unpaired_reallocations").Integer(unseen.unpaired_reallocs);
  json->Key("overlaps").Integer(unseen.overlaps);
  json->Key("repaired_inversions").Integer(unseen.repaired_inversions);
  json->Key("reentered").Integer(unseen.reentered);
  json->Key("quiet_children").Integer(unseen.quiet_children);
  json->Key("sandboxed").Integer(unseen.sandboxed);
  json->Key("paused").Bool(unseen.paused);
  json->Key("other_intervals_bytes").BeginArray();
  for (const uint64_t bytes : unseen.other_intervals) json->Integer(bytes);
  json->EndArray();
  json->EndObject();
}

void WriteMarks(JsonWriter* json, const std::vector<Mark>& marks) {
  json->BeginArray();
  for (const Mark& mark : marks) {
    json->BeginObject();
    json->Key("time_ns").Integer(mark.time_ns);
    json->Key("text").String(mark.text);
    json->EndObject();
  }
  json->EndArray();
}

void WriteMetrics(JsonWriter* json, const HeapMetrics& metrics) {
  WriteTally(json, "allocations", metrics.allocations);
  WriteTally(json, "bytes", metrics.bytes);
  WriteTally(json, "frees", metrics.frees);
  WriteTally(json, "temporary", metrics.temporary);
  WriteTally(json, "cross_thread_frees", metrics.cross_thread_frees);
  WriteTally(json, "reallocations", metrics.reallocations);
  WriteTally(json, "live_bytes", metrics.live_bytes);
  WriteTally(json, "live_blocks", metrics.live_blocks);
  WriteTally(json, "leaked_bytes", metrics.leaked_bytes);
  WriteTally(json, "leaked_blocks", metrics.leaked_blocks);
  WriteTally(json, "peak_bytes", metrics.peak_bytes);
}

void WriteSite(JsonWriter* json, const NamedProfile& named, const HeapSite& site) {
  json->BeginObject();
  json->Key("stack");
  WriteStack(json, named, site.stack);
  json->Key("truncated").Bool(named.profile.dump.process.IsTruncated(site.stack));
  json->Key("api").String(Name(site.api));
  WriteMetrics(json, site.metrics);
  const uint64_t ran_ns = named.profile.dump.process.facts.duration_ns;
  json->Key("lifetime_ns");
  if (site.lifetimes.IsEmpty()) {
    json->Null();
  } else {
    WriteEstimate(json, site.lifetimes.Mean(ran_ns));
  }
  json->Key("lifetime_median_ns");
  if (site.lifetimes.IsEmpty()) {
    json->Null();
  } else {
    WriteEstimate(json, site.lifetimes.Median(ran_ns));
  }
  json->Key("lifetime_max_ns").Integer(site.lifetimes.max_ns());
  json->EndObject();
}

void WriteSuppressed(JsonWriter* json, const NamedProfile& named) {
  json->Key("suppressed").BeginArray();
  for (const HeapSite& site : named.profile.heap.sites) {
    if (site.suppressed_by == nullptr) continue;
    json->BeginObject();
    json->Key("reason").String(site.suppressed_by);
    WriteTally(json, "bytes", site.metrics.live_bytes);
    WriteTally(json, "blocks", site.metrics.live_blocks);
    json->Key("stack");
    WriteStack(json, named, site.stack);
    json->EndObject();
  }
  json->EndArray();
}

// Every site, or the `limit` largest by bytes asked for.
std::vector<const HeapSite*> SitesToWrite(const HeapProfile& heap, std::optional<uint64_t> limit) {
  std::vector<const HeapSite*> sites;
  for (const HeapSite& site : heap.sites) sites.push_back(&site);
  std::stable_sort(sites.begin(), sites.end(), [](const HeapSite* a, const HeapSite* b) {
    return a->metrics.bytes.value() > b->metrics.bytes.value();
  });
  if (limit && sites.size() > *limit) sites.resize(*limit);
  return sites;
}

void WriteHeap(JsonWriter* json, const NamedProfile& named, std::optional<uint64_t> limit) {
  const HeapProfile& heap = named.profile.heap;
  json->BeginObject();
  WriteMetrics(json, heap.total);
  json->Key("peak_time_ns").Integer(heap.peak_time_ns);
  json->Key("unpaired_frees").Integer(heap.unpaired_frees);
  json->Key("unpaired_reallocations").Integer(heap.unpaired_reallocs);
  json->Key("overlaps").Integer(heap.overlaps);
  json->Key("sites").BeginArray();
  for (const HeapSite* site : SitesToWrite(heap, limit)) WriteSite(json, named, *site);
  json->EndArray();
  WriteSuppressed(json, named);
  json->EndObject();
}

// The fields that say where a call was made, in an object that is being written.
void WritePlace(JsonWriter* json, const NamedProfile& named, uint64_t pc) {
  const SourceFrame& frame = *named.names.Headline(pc);
  json->Key("function").String(frame.function);
  json->Key("file").String(frame.file);
  json->Key("line").Signed(frame.line);
  json->Key("module").String(frame.module);
}

void WriteCaller(JsonWriter* json, const NamedProfile& named, const LockCaller& caller) {
  json->BeginObject();
  WritePlace(json, named, caller.pc);
  json->Key("api").String(Name(caller.api));
  WriteExact(json, "contended", caller.contended);
  WriteExact(json, "wait_ns", caller.wait_ns);
  json->EndObject();
}

void WriteReleaser(JsonWriter* json, const NamedProfile& named, const LockReleaser& releaser) {
  json->BeginObject();
  WritePlace(json, named, releaser.pc);
  WriteExact(json, "released_awaited", releaser.released);
  json->EndObject();
}

// Of rwlocks alone: null for others.
void WriteWaits(JsonWriter* json, const char* key, const Lock& lock, const Waits& waits) {
  json->Key(key);
  if (lock.kind != LockKind::kRwlock) return json->Null();
  json->BeginObject();
  WriteExact(json, "contended", waits.contended);
  WriteExact(json, "wait_ns", waits.wait_ns);
  json->EndObject();
}

void WriteLock(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  json->BeginObject();
  json->Key("name").String(LockName(lock, &named.names));
  json->Key("kind").String(Name(lock.kind));
  json->Key("address").String(absl::StrCat("0x", absl::Hex(lock.address)));
  json->Key("allocated_at").Null();
  WriteExact(json, "contended", lock.contended);
  WriteExact(json, "wait_ns", lock.wait_ns);
  WriteWaits(json, "readers", lock, lock.readers);
  WriteWaits(json, "writers", lock, WritersOf(lock));
  json->Key("longest_wait_ns").Integer(lock.longest_wait_ns);
  json->Key("hold_ns").Null();
  json->Key("blame").BeginArray();
  json->EndArray();
  json->Key("waits").BeginArray();
  for (const LockWaits& waits : lock.waits) {
    json->BeginObject();
    json->Key("waiter_stack");
    WriteStack(json, named, waits.stack);
    WriteTally(json, "wait_ns", waits.wait_ns);
    WriteTally(json, "waits", waits.waits);
    json->EndObject();
  }
  json->EndArray();
  json->Key("callers").BeginArray();
  for (const LockCaller& caller : lock.callers) WriteCaller(json, named, caller);
  json->EndArray();
  WriteExact(json, "released_awaited", lock.released);
  json->Key("releasers").BeginArray();
  for (const LockReleaser& releaser : lock.releasers) WriteReleaser(json, named, releaser);
  json->EndArray();
  json->EndObject();
}

void WriteLockTotals(JsonWriter* json, const Tally& acquisitions, uint64_t contended,
                     uint64_t wait_ns) {
  WriteTally(json, "acquisitions", acquisitions);
  WriteExact(json, "contended", contended);
  WriteExact(json, "wait_ns", wait_ns);
  WriteExact(json, "unattributed_ns", wait_ns);  // no wait is attributed to a holder yet
}

void WriteLocks(JsonWriter* json, const NamedProfile& named, std::optional<uint64_t> limit) {
  const LockProfile& locks = named.profile.locks;
  std::vector<const Lock*> contended = ContendedLocks(locks);
  if (limit && contended.size() > *limit) contended.resize(*limit);
  json->BeginObject();
  WriteLockTotals(json, locks.acquisitions, locks.contended, locks.wait_ns);
  json->Key("objects").BeginArray();
  for (const Lock* lock : contended) WriteLock(json, named, *lock);
  json->EndArray();
  json->EndObject();
}

class Writer {
 public:
  Writer(const ReportInput& input, Output* output) : input_(input), json_(output) {}

  void Write() {
    json_.BeginObject();
    json_.Key("schema_version").Integer(1);
    json_.Key("processes").BeginArray();
    for (const NamedProfile& named : input_.profiles) WriteProcess(named);
    json_.EndArray();
    if (input_.profiles.size() == 1) {
      WriteContents(input_.profiles.front());
    } else {
      WriteSums();
    }
    WriteNotes();
    json_.EndObject();
  }

 private:
  bool ShowsHeap() const { return input_.sections.churn || input_.sections.leaks; }
  bool ShowsLocks() const { return input_.sections.contention; }

  void WriteProcess(const NamedProfile& named) {
    const ProcessFacts& facts = named.profile.dump.process.facts;
    json_.BeginObject();
    json_.Key("executable").String(facts.executable);
    json_.Key("command").String(facts.command_line);
    json_.Key("pid").Integer(facts.pid);
    json_.Key("parent_pid").Integer(facts.parent_pid);
    json_.Key("host").String(facts.host);
    json_.Key("allocator").String(facts.allocator);
    json_.Key("mode").String(Name(facts.mode));
    json_.Key("ended").String(Name(facts.ended));
    json_.Key("exit_status");
    if (facts.exit_status) {
      json_.Signed(*facts.exit_status);
    } else {
      json_.Null();
    }
    json_.Key("start_time").String(FormatTime(facts.start_realtime_ns));
    json_.Key("duration_ns").Integer(facts.duration_ns);
    json_.Key("threads").Integer(named.profile.dump.process.threads().size());
    json_.Key("dump").String(named.profile.dump.path);
    json_.Key("marks");
    WriteMarks(&json_, named.profile.dump.process.marks());
    WriteContents(named);
    json_.EndObject();
  }

  void WriteContents(const NamedProfile& named) {
    json_.Key("settings");
    WriteSettings(&json_, named.profile.dump.process.facts);
    json_.Key("agent");
    WriteAgentCost(&json_, named.profile.dump.Cost());
    json_.Key("loss");
    WriteLoss(&json_, {named});
    json_.Key("unseen");
    WriteUnseen(&json_, {named});
    if (ShowsHeap()) {
      json_.Key("heap");
      WriteHeap(&json_, named, input_.limit);
    }
    if (ShowsLocks()) {
      json_.Key("locks");
      WriteLocks(&json_, named, input_.limit);
    }
    WriteFindings();
  }

  // Of several processes: what can be added up. Their peaks were at different times: the sum is an
  // upper bound of what they had live at once.
  void WriteSums() {
    HeapMetrics heap;
    Tally acquisitions;
    uint64_t contended = 0;
    uint64_t wait_ns = 0;
    AgentCost cost;
    for (const NamedProfile& named : input_.profiles) {
      heap.Merge(named.profile.heap.total);
      acquisitions.Merge(named.profile.locks.acquisitions);
      contended += named.profile.locks.contended;
      wait_ns += named.profile.locks.wait_ns;
      cost.Merge(named.profile.dump.Cost());
    }
    json_.Key("settings").Null();
    json_.Key("agent");
    WriteAgentCost(&json_, cost);
    json_.Key("loss");
    WriteLoss(&json_, input_.profiles);
    json_.Key("unseen");
    WriteUnseen(&json_, input_.profiles);
    if (ShowsHeap()) {
      json_.Key("heap").BeginObject();
      WriteMetrics(&json_, heap);
      json_.EndObject();
    }
    if (ShowsLocks()) {
      json_.Key("locks").BeginObject();
      WriteLockTotals(&json_, acquisitions, contended, wait_ns);
      json_.EndObject();
    }
    WriteFindings();
  }

  void WriteFindings() {
    json_.Key("findings").BeginArray();
    json_.EndArray();
  }

  void WriteNotes() {
    json_.Key("unusable").BeginArray();
    for (const UnusableInput& unusable : input_.unusable) {
      json_.BeginObject();
      json_.Key("dump").String(unusable.path);
      json_.Key("error").String(unusable.error);
      json_.EndObject();
    }
    json_.EndArray();
    json_.Key("symbol_problems").BeginArray();
    for (const std::string& problem : input_.symbolizer->Problems()) json_.String(problem);
    json_.EndArray();
  }

  const ReportInput& input_;
  JsonWriter json_;
};

}  // namespace

void WriteJsonReport(const ReportInput& input, Output* output) {
  Writer(input, output).Write();
  output->Write("\n");
}

}  // namespace perfagent
