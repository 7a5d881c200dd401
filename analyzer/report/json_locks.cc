#include "analyzer/report/json_locks.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "analyzer/report/format.h"
#include "analyzer/report/json_values.h"

namespace perfagent {
namespace {

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

}  // namespace

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

}  // namespace perfagent
