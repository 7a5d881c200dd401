#include "analyzer/report/pool_report.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "analyzer/report/format.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

class PoolWriter : private LineWriter {
 public:
  PoolWriter(const Pool& pool, Output* output)
      : LineWriter(output, 13), processes_(pool.processes()), cost_(pool.cost()) {}

  void Write(uint64_t limit) {
    uint64_t ran_ns = 0;
    std::set<std::string> programs;
    for (const PooledProcess& process : processes_) {
      ran_ns += process.duration_ns;
      programs.insert(process.executable);
    }
    Line(Count(processes_.size()), " dumps in one profile");
    Fact("programs", programs.size(), programs.size() == 1 ? ": " : ", such as ",
         EscapeForTerminal(*programs.begin()));
    Fact("ran", Time(ran_ns), " in all; the peak is the sum of theirs, at different times");
    Fact("agent", Time(cost_.slow_path_ns), " in its slow paths; wrote ",
         FormatBytes(static_cast<double>(cost_.bytes_written)));
    WriteProcesses(limit);
  }

 private:
  void WriteProcesses(uint64_t limit) {
    std::vector<const PooledProcess*> most;
    for (const PooledProcess& process : processes_) most.push_back(&process);
    std::stable_sort(most.begin(), most.end(), [](const PooledProcess* a, const PooledProcess* b) {
      return a->bytes.value() > b->bytes.value();
    });
    const size_t shown = std::min<uint64_t>(limit, most.size());
    for (size_t i = 0; i < shown; ++i) {
      const PooledProcess& process = *most[i];
      Fact("process", process.pid, ": ran ", Time(process.duration_ns), ", allocated ",
           FormatBytes(process.bytes.value()), ", live at its end ",
           FormatBytes(process.leaked_bytes.value()), ", waited ", Time(process.wait_ns), ": ",
           EscapeForTerminal(process.dump));
    }
    if (shown < most.size()) Fact("process", "and ", Count(most.size() - shown), " more");
  }

  const std::vector<PooledProcess>& processes_;
  const AgentCost& cost_;
};

}  // namespace

void WritePoolText(const Pool& pool, uint64_t limit, Output* output) {
  PoolWriter(pool, output).Write(limit);
}

void WritePoolJson(const Pool& pool, JsonWriter* json) {
  json->BeginArray();
  for (const PooledProcess& process : pool.processes()) {
    json->BeginObject();
    json->Key("dump").String(process.dump);
    json->Key("executable").String(process.executable);
    json->Key("pid").Integer(process.pid);
    json->Key("parent_pid").Integer(process.parent_pid);
    json->Key("duration_ns").Integer(process.duration_ns);
    json->Key("ended").String(Name(process.ended));
    WriteTally(json, "bytes", process.bytes);
    WriteTally(json, "leaked_bytes", process.leaked_bytes);
    WriteExact(json, "wait_ns", process.wait_ns);
    json->EndObject();
  }
  json->EndArray();
}

}  // namespace perfagent
