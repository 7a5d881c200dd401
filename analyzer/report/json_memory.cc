#include "analyzer/report/json_memory.h"

#include "analyzer/model/resident.h"
#include "analyzer/report/json_values.h"

namespace perfagent {
namespace {

void WriteDurations(JsonWriter* json, const CallDurations& durations) {
  WriteTally(json, "calls", durations.calls);
  WriteTally(json, "total_ns", durations.ns);
  json->Key("p50_ns").Integer(durations.distribution.Quantile(0.5));
  json->Key("p99_ns").Integer(durations.distribution.Quantile(0.99));
  json->Key("max_ns").Integer(durations.distribution.max());
}

void WriteSizes(JsonWriter* json, const AllocatorCalls& calls, AllocatorCall call) {
  json->Key("sizes").BeginArray();
  for (size_t i = 0; i < kSizeBuckets; ++i) {
    const CallDurations& durations = calls.Of(call, i);
    if (durations.calls.IsEmpty()) continue;
    json->BeginObject();
    json->Key("size_at_most");
    if (i == 0) {
      json->Null();
    } else {
      json->Integer(i < 64 ? uint64_t{1} << i : UINT64_MAX);
    }
    WriteDurations(json, durations);
    json->EndObject();
  }
  json->EndArray();
}

void WriteLatency(JsonWriter* json, const AllocatorCalls& calls) {
  json->Key("latency").BeginObject();
  for (size_t i = 0; i < kAllocatorCalls; ++i) {
    const auto call = static_cast<AllocatorCall>(i);
    const CallDurations durations = calls.Of(call);
    if (durations.calls.IsEmpty()) continue;
    json->Key(Name(call)).BeginObject();
    WriteDurations(json, durations);
    WriteSizes(json, calls, call);
    json->EndObject();
  }
  json->EndObject();
  WriteTally(json, "asked", calls.asked());
  WriteTally(json, "usable", calls.usable());
}

void WriteMemoryAtEnd(JsonWriter* json, const std::optional<MemoryRecord>& memory) {
  json->Key("memory_at_end");
  if (!memory) {
    json->Null();
    return;
  }
  json->BeginObject();
  json->Key("time_ns").Integer(memory->time);
  json->Key("anonymous").Integer(memory->anonymous);
  json->Key("file").Integer(memory->file);
  json->Key("shared").Integer(memory->shared);
  json->Key("stack").Integer(memory->stack);
  json->Key("swapped").Integer(memory->swapped);
  json->Key("mapped").Integer(memory->mapped);
  json->Key("dump").Integer(memory->dump);
  json->EndObject();
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

void WritePeakResident(JsonWriter* json, const ResidentCourse& course) {
  json->Key("peak_resident").BeginArray();
  for (const ResidentPoint& point : course.points) {
    json->BeginObject();
    json->Key("time_ns").Integer(point.time_ns);
    json->Key("bytes").Integer(point.peak_bytes);
    json->EndObject();
  }
  json->EndArray();
  json->Key("peak_resident_before_exec");
  if (course.before_exec_bytes == 0) return json->Null();
  json->Integer(course.before_exec_bytes);
}

}  // namespace

void WriteMemory(JsonWriter* json, const NamedProfile& named) {
  const HeapProfile& heap = named.profile.heap;
  WriteLatency(json, heap.timed_calls);
  WriteMemoryAtEnd(json, heap.memory_at_end);
  WriteResident(json, ResidentAtEnd(heap));
  WritePeakResident(json, heap.peak_resident);
}

}  // namespace perfagent
