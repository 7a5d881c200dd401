#include "analyzer/report/json_diff.h"

#include <algorithm>
#include <vector>

#include "analyzer/report/json_values.h"

namespace perfagent {
namespace {

class DiffWriter {
 public:
  DiffWriter(const Comparison& comparison, std::optional<uint64_t> limit, Output* output,
             PageTables* tables)
      : comparison_(comparison), limit_(limit), json_(output, tables) {}

  void Write() {
    json_.BeginObject();
    json_.Key("schema_version").Integer(1);
    WriteSide("base", comparison_.base);
    WriteSide("new", comparison_.now);
    json_.Key("tested").Integer(comparison_.tested);
    WriteRoom("heap", comparison_.has_heap, true, "sites", comparison_.sites);
    WriteRoom("locks", comparison_.has_locks, false, "objects", comparison_.locks);
    json_.EndObject();
  }

 private:
  void WriteSide(const char* key, const Side& side) {
    json_.Key(key).BeginObject();
    json_.Key("dumps").BeginArray();
    for (const std::string& dump : side.dumps) json_.String(dump);
    json_.EndArray();
    json_.Key("runs").Integer(side.runs);
    json_.Key("processes").Integer(side.processes);
    json_.Key("interval_bytes").Integer(side.widest_interval_bytes);
    json_.EndObject();
  }

  void WriteRoom(const char* key, bool is_there, bool is_heap, const char* list,
                 const std::vector<ThingChange>& things) {
    json_.Key(key);
    if (!is_there) return json_.Null();
    json_.BeginObject();
    json_.Key("total").BeginObject();
    for (const MetricChange& change : comparison_.total) {
      if (Traits(change.metric).is_heap == is_heap) WriteChange(change);
    }
    json_.EndObject();
    json_.Key(list).BeginArray();
    const bool is_page = json_.tables() != nullptr;
    const uint64_t limit = limit_.value_or(is_page ? PageTables::kMostSites : things.size());
    const size_t count = std::min<uint64_t>(limit, things.size());
    for (size_t i = 0; i < count; ++i) WriteThing(things[i]);
    json_.EndArray();
    if (is_page) json_.Key("pruned").Integer(things.size() - count);
    json_.EndObject();
  }

  void WriteThing(const ThingChange& thing) {
    const Thing& either = thing.match.either();
    json_.BeginObject();
    json_.Key("name").String(either.name);
    json_.Key("kind").String(either.kind);
    json_.Key("named").Bool(thing.is_named);
    json_.Key("in_base").Bool(thing.match.base.has_value());
    json_.Key("in_new").Bool(thing.match.now.has_value());
    std::vector<const SourceFrame*> frames;
    for (const SourceFrame& frame : either.frames) frames.push_back(&frame);
    json_.Key("stack");
    WriteStack(&json_, frames);
    WriteBasePlace(thing.match);
    for (const MetricChange& change : thing.metrics) WriteChange(change);
    json_.EndObject();
  }

  void WriteBasePlace(const Match& match) {
    const bool is_known = match.base && !match.base->frames.empty();
    const SourceFrame place = is_known ? match.base->frames[match.base->place] : SourceFrame();
    json_.Key("base_file").String(place.file);
    json_.Key("base_line").Signed(place.line);
  }

  void WriteChange(const MetricChange& change) {
    json_.Key(Traits(change.metric).name).BeginObject();
    WriteNumbers("base", change.base.mean);
    WriteNumbers("new", change.now.mean);
    WriteNumbers("change", change.difference.change);
    WriteProbability("p", change, change.difference.p);
    WriteProbability("adjusted_p", change, change.adjusted_p);
    json_.Key("verdict").String(Name(change.verdict));
    json_.EndObject();
  }

  void WriteProbability(const char* key, const MetricChange& change, double p) {
    json_.Key(key);
    change.IsTested() ? json_.Number(p) : json_.Null();
  }

  // Means of runs need not be whole.
  void WriteNumbers(const char* key, const Estimate& estimate) {
    json_.Key(key);
    WriteInterval(&json_, estimate);
  }

  const Comparison& comparison_;
  const std::optional<uint64_t> limit_;
  JsonWriter json_;
};

}  // namespace

void WriteJsonDiff(const Comparison& comparison, std::optional<uint64_t> limit, Output* output) {
  DiffWriter(comparison, limit, output, nullptr).Write();
  output->Write("\n");
}

void WritePageDiff(const Comparison& comparison, std::optional<uint64_t> limit, PageTables* tables,
                   Output* output) {
  DiffWriter(comparison, limit, output, tables).Write();
}

}  // namespace perfagent
