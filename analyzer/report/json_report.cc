#include "analyzer/report/json_report.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

#include "analyzer/report/format.h"
#include "analyzer/report/json_findings.h"
#include "analyzer/report/json_heap.h"
#include "analyzer/report/json_locks.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/page_processes.h"
#include "analyzer/report/pool_report.h"
#include "analyzer/report/source_report.h"
#include "analyzer/report/tree_report.h"
#include "analyzer/report/unseen.h"

namespace perfagent {
namespace {

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

void WriteLoss(JsonWriter* json, std::span<const NamedProfile> profiles) {
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

void WriteUnseen(JsonWriter* json, const Unseen& unseen) {
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

void WriteUnseen(JsonWriter* json, std::span<const NamedProfile> profiles) {
  Unseen unseen;
  for (const NamedProfile& named : profiles) unseen.Merge(UnseenIn(named.profile));
  WriteUnseen(json, unseen);
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

void AddLockTotals(const LockProfile& locks, LockProfile* sum) {
  sum->acquisitions.Merge(locks.acquisitions);
  sum->contended += locks.contended;
  sum->wait_ns += locks.wait_ns;
  sum->doubt.Add(locks.doubt);
  if (locks.tables) {
    const Waits whole = locks.Whole();
    if (!sum->tables) sum->tables.emplace();
    sum->tables->Add(whole.contended, whole.wait_ns);
  }
  sum->hand_over_ns.Merge(locks.hand_over_ns);
  sum->unattributed_ns.Merge(locks.unattributed_ns);
}

class Writer {
 public:
  Writer(const ReportInput& input, Output* output, PageTables* tables)
      : input_(input), json_(output, tables) {}

  void Write() {
    json_.BeginObject();
    json_.Key("schema_version").Integer(1);
    json_.Key("view").String(input_.view);
    json_.Key("processes");
    if (input_.pool != nullptr) {
      WritePoolJson(*input_.pool, &json_);
      WriteWhole();
    } else if (json_.tables() != nullptr) {
      WriteProcessesOfPage();
    } else {
      WriteProcesses(input_.profiles);
      WriteWhole();
    }
    WriteNotes();
    json_.EndObject();
  }

 private:
  bool ShowsHeap() const { return input_.sections.churn || input_.sections.leaks; }
  bool ShowsLocks() const { return input_.sections.contention; }

  void WriteWhole() {
    if (input_.profiles.size() == 1) {
      WriteContents(input_.profiles.front());
    } else {
      json_.Key("settings").Null();
      WriteSums(input_.profiles);
      WriteFindings(input_.profiles);
    }
  }

  void WriteProcesses(std::span<const NamedProfile> profiles) {
    json_.BeginArray();
    for (const NamedProfile& named : profiles) WriteProcess(named);
    json_.EndArray();
  }

  void WriteProcessesOfPage() {
    const PageProcesses processes = ProcessesOfPage(input_.profiles);
    WriteProcesses(processes.whole);
    if (processes.small.empty()) return;
    json_.Key("small_processes").BeginObject();
    json_.Key("count").Integer(processes.small.size());
    WriteSums(processes.small);
    json_.Key("findings").Integer(FindingsOf(processes.small).size());
    json_.EndObject();
  }

  void WriteProcess(const NamedProfile& named) {
    const ProcessFacts& facts = named.profile.dump.process.facts;
    json_.BeginObject();
    json_.Key("executable").String(facts.executable);
    json_.Key("command").String(facts.command_line);
    json_.Key("pid").Integer(facts.pid);
    json_.Key("parent_pid").Integer(facts.parent_pid);
    json_.Key("host").String(facts.host);
    json_.Key("allocator").String(facts.allocator);
    json_.Key("recorder").String(facts.recorder.empty() ? "perfagent" : facts.recorder);
    json_.Key("mode").String(Name(facts.mode));
    json_.Key("ended").String(Name(facts.ended));
    json_.Key("exit_status");
    if (facts.exit_status) {
      json_.Signed(*facts.exit_status);
    } else {
      json_.Null();
    }
    json_.Key("start_time");
    if (facts.start_realtime_ns != 0) {
      json_.String(FormatTime(facts.start_realtime_ns));
    } else {
      json_.Null();
    }
    json_.Key("duration_ns").Integer(facts.duration_ns);
    json_.Key("threads").Integer(named.profile.dump.process.thread_count());
    json_.Key("dump").String(named.profile.dump.path);
    json_.Key("marks");
    WriteMarks(&json_, named.profile.dump.process.marks());
    if (json_.tables() != nullptr) WriteThreadList(named.profile.dump.process);
    WriteContents(named);
    json_.EndObject();
  }

  void WriteThreadList(const Process& process) {
    json_.Key("thread_list").BeginArray();
    for (const Thread& thread : process.threads()) {
      json_.BeginArray();
      json_.Integer(thread.tid);
      json_.String(thread.name);
      json_.EndArray();
    }
    json_.EndArray();
  }

  void WriteContents(const NamedProfile& named) {
    json_.Key("settings");
    if (input_.pool != nullptr) {
      json_.Null();
    } else {
      WriteSettings(&json_, named.profile.dump.process.facts);
    }
    json_.Key("agent");
    WriteAgentCost(&json_,
                   input_.pool != nullptr ? input_.pool->cost() : named.profile.dump.Cost());
    json_.Key("loss");
    WriteLoss(&json_, {&named, 1});
    json_.Key("unseen");
    if (input_.pool != nullptr) {
      WriteUnseen(&json_, input_.pool->unseen());
    } else {
      WriteUnseen(&json_, {&named, 1});
    }
    if (ShowsHeap()) {
      json_.Key("heap");
      WriteHeap(&json_, named, input_.limit);
    }
    if (ShowsLocks()) {
      json_.Key("locks");
      WriteLocks(&json_, named, input_.limit);
    }
    WriteFindings({&named, 1});
    WriteShapes(named);
  }

  // What was asked for beside the lists.
  void WriteShapes(const NamedProfile& named) {
    if (input_.tree) {
      json_.Key("tree");
      WriteTreeJson(*input_.tree, named, &json_);
    }
    if (!input_.source.empty()) {
      json_.Key("source");
      WriteSourceJson(input_.source, named, &json_);
    }
  }

  // Of several processes: what can be added up. Their peaks were at different times: the sum is an
  // upper bound of what they had live at once.
  void WriteSums(std::span<const NamedProfile> profiles) {
    HeapMetrics heap;
    LockProfile locks;
    AgentCost cost;
    for (const NamedProfile& named : profiles) {
      heap.Merge(named.profile.heap.total);
      AddLockTotals(named.profile.locks, &locks);
      cost.Merge(named.profile.dump.Cost());
    }
    json_.Key("agent");
    WriteAgentCost(&json_, cost);
    json_.Key("loss");
    WriteLoss(&json_, profiles);
    json_.Key("unseen");
    WriteUnseen(&json_, profiles);
    if (ShowsHeap()) {
      json_.Key("heap").BeginObject();
      WriteMetrics(&json_, heap);
      json_.EndObject();
    }
    if (ShowsLocks()) {
      json_.Key("locks").BeginObject();
      WriteLockTotals(&json_, locks);
      json_.EndObject();
    }
  }

  static Findings FindingsOf(std::span<const NamedProfile> profiles) {
    Findings findings;
    for (const NamedProfile& named : profiles) {
      if (named.findings == nullptr) continue;
      findings.insert(findings.end(), named.findings->begin(), named.findings->end());
    }
    return findings;
  }

  void WriteFindings(std::span<const NamedProfile> profiles) {
    json_.Key("findings");
    perfagent::WriteFindings(&json_, FindingsOf(profiles));
    if (input_.pool != nullptr)
      json_.Key("findings_left_out").Integer(input_.pool->findings_left_out());
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
  Writer(input, output, nullptr).Write();
  output->Write("\n");
}

void WritePageReport(const ReportInput& input, PageTables* tables, Output* output) {
  Writer(input, output, tables).Write();
}

}  // namespace perfagent
