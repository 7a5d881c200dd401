#include "analyzer/report/json_memory.h"

#include "analyzer/model/resident.h"
#include "analyzer/report/json_values.h"

namespace perfagent {
namespace {

void WriteDurations(JsonWriter* json, AllocatorCall call, size_t size_class,
                    const CallDurations& durations) {
  json->BeginObject();
  json->Key("call").String(Name(call));
  json->Key("size_at_most");
  if (size_class == 0) {
    json->Null();
  } else {
    json->Integer(size_class < 64 ? uint64_t{1} << size_class : UINT64_MAX);
  }
  WriteTally(json, "calls", durations.calls);
  WriteTally(json, "total_ns", durations.ns);
  json->Key("p50_ns").Integer(durations.distribution.Quantile(0.5));
  json->Key("p99_ns").Integer(durations.distribution.Quantile(0.99));
  json->Key("max_ns").Integer(durations.distribution.max());
  json->EndObject();
}

void WriteLatency(JsonWriter* json, const AllocatorCalls& calls) {
  json->Key("latency").BeginArray();
  for (size_t call = 0; call < kAllocatorCalls; ++call) {
    for (size_t i = 0; i < AllocatorCalls::kClasses; ++i) {
      const CallDurations& durations = calls.Of(static_cast<AllocatorCall>(call), i);
      if (!durations.calls.IsEmpty())
        WriteDurations(json, static_cast<AllocatorCall>(call), i, durations);
    }
  }
  json->EndArray();
  WriteTally(json, "asked", calls.asked());
  WriteTally(json, "usable", calls.usable());
}

void WriteTimeline(JsonWriter* json, const std::vector<MemoryRecord>& memory) {
  json->Key("memory").BeginArray();
  for (const MemoryRecord& record : memory) {
    json->BeginObject();
    json->Key("time_ns").Integer(record.time);
    json->Key("anonymous").Integer(record.anonymous);
    json->Key("file").Integer(record.file);
    json->Key("shared").Integer(record.shared);
    json->Key("stack").Integer(record.stack);
    json->Key("swapped").Integer(record.swapped);
    json->Key("mapped").Integer(record.mapped);
    json->Key("dump").Integer(record.dump);
    json->EndObject();
  }
  json->EndArray();
}

void WriteResident(JsonWriter* json, const std::optional<Resident>& resident) {
  json->Key("resident");
  if (!resident) {
    json->Null();
    return;
  }
  const auto bytes = [&](const char* key, double value) {
    json->Key(key).Integer(static_cast<uint64_t>(value));
  };
  json->BeginObject();
  json->Key("time_ns").Integer(resident->time_ns);
  bytes("total", resident->total);
  bytes("live", resident->live);
  bytes("rounding", resident->rounding);
  bytes("unexplained", resident->unexplained);
  bytes("file", resident->file);
  bytes("shared", resident->shared);
  bytes("dump", resident->dump);
  bytes("untouched", resident->untouched);
  json->EndObject();
}

}  // namespace

void WriteMemory(JsonWriter* json, const NamedProfile& named) {
  const HeapProfile& heap = named.profile.heap;
  WriteLatency(json, heap.timed_calls);
  WriteTimeline(json, heap.memory);
  WriteResident(json, ResidentAtEnd(heap));
}

}  // namespace perfagent
