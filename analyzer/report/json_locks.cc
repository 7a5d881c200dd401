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

void WriteCount(JsonWriter* json, const char* key, uint64_t value, uint64_t fewer, uint64_t more) {
  json->Key(key).BeginObject();
  json->Key("value").Integer(value);
  json->Key("low").Integer(value - fewer);
  json->Key("high").Integer(value + more);
  json->EndObject();
}

void WriteWaitCounts(JsonWriter* json, const Waits& waits, const Doubt& doubt) {
  WriteCount(json, "contended", waits.contended, doubt.fewer.contended, doubt.more.contended);
  WriteCount(json, "wait_ns", waits.wait_ns, doubt.fewer.wait_ns, doubt.more.wait_ns);
}

void WriteReleases(JsonWriter* json, uint64_t released, const ReleaseDoubt& doubt) {
  WriteCount(json, "released_awaited", released, doubt.fewer, doubt.more);
}

// Null where the block is not known.
void WriteAllocation(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  json->Key("allocated_at");
  if (!lock.allocation) return json->Null();
  json->BeginObject();
  json->Key("stack");
  WriteStack(json, named, lock.allocation->stack);
  json->Key("offset").Integer(lock.allocation->offset);
  json->Key("size").Integer(lock.allocation->size);
  json->Key("followed").Bool(lock.allocation->is_followed);
  json->EndObject();
}

void WriteCaller(JsonWriter* json, const NamedProfile& named, const LockCaller& caller) {
  json->BeginObject();
  WritePlace(json, named, caller.pc);
  json->Key("api").String(Name(caller.api));
  WriteWaitCounts(json, {caller.contended, caller.wait_ns}, caller.doubt);
  json->EndObject();
}

void WriteReleaser(JsonWriter* json, const NamedProfile& named, const LockReleaser& releaser) {
  json->BeginObject();
  WritePlace(json, named, releaser.pc);
  WriteReleases(json, releaser.released, releaser.doubt);
  json->EndObject();
}

// Of rwlocks alone: null for others.
void WriteWaits(JsonWriter* json, const char* key, const Lock& lock, const Waits& waits,
                const Doubt& doubt) {
  json->Key(key);
  if (lock.kind != LockKind::kRwlock) return json->Null();
  json->BeginObject();
  WriteWaitCounts(json, waits, doubt);
  json->EndObject();
}

void WriteLock(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  json->BeginObject();
  json->Key("name").String(LockName(lock, &named.names));
  json->Key("kind").String(Name(lock.kind));
  json->Key("address").String(absl::StrCat("0x", absl::Hex(lock.address)));
  json->Key("named_by").String(LockNamedBy(lock, &named.names));
  json->Key("generation").Integer(lock.generation);
  WriteAllocation(json, named, lock);
  WriteWaitCounts(json, {lock.contended, lock.wait_ns}, DoubtOf(lock));
  WriteWaits(json, "readers", lock, lock.readers, DoubtOf(lock, Waiters::kReaders));
  WriteWaits(json, "writers", lock, WritersOf(lock), DoubtOf(lock, Waiters::kWriters));
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
  WriteReleases(json, lock.released, ReleaseDoubtOf(lock));
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
