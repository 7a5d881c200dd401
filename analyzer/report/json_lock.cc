#include "analyzer/report/json_lock.h"

#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/page_locks.h"

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

// An array, one object of each thing with the fields that `write` writes.
template <typename Things, typename Write>
void WriteObjects(JsonWriter* json, const char* key, const Things& things, Write write) {
  json->Key(key).BeginArray();
  for (const auto& thing : things) {
    json->BeginObject();
    write(thing);
    json->EndObject();
  }
  json->EndArray();
}

// Those that are written of what is sorted by size: all of them, in the page's form the first ones.
template <typename T>
std::span<const T> Largest(const JsonWriter* json, std::span<const T> parts) {
  if (json->tables() == nullptr) return parts;
  return parts.first(std::min(parts.size(), kPagePairs));
}

void WriteCount(JsonWriter* json, const char* key, uint64_t value, const CountDoubt& doubt) {
  WriteCount(json, key, value, doubt.fewer, doubt.more);
}

void WriteContended(JsonWriter* json, const char* key, const Waits& waits, const Doubt& doubt) {
  WriteCount(json, key, waits.contended, doubt.fewer.contended, doubt.more.contended);
}

void WriteWaitTime(JsonWriter* json, const char* key, const Waits& waits, const Doubt& doubt) {
  WriteCount(json, key, waits.wait_ns, doubt.fewer.wait_ns, doubt.more.wait_ns);
}

void WriteWaitCounts(JsonWriter* json, const Waits& waits, const Doubt& doubt) {
  WriteContended(json, "contended", waits, doubt);
  WriteWaitTime(json, "wait_ns", waits, doubt);
}

// Of rwlocks alone: null for others.
void WriteWaits(JsonWriter* json, const char* key, const Lock& lock, const Waits& waits,
                const WaitedFor& waited, const Doubt& doubt) {
  json->Key(key);
  if (lock.kind != LockKind::kRwlock) return json->Null();
  json->BeginObject();
  WriteWaitCounts(json, waits, doubt);
  WriteTally(json, "for_readers_ns", waited.for_readers_ns);
  WriteTally(json, "for_writers_ns", waited.for_writers_ns);
  json->EndObject();
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

// Null where no thread's stack is known to have it.
void WriteStackHome(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  json->Key("on_stack");
  const std::optional<StackHome> home = StackHomeOf(lock, &named.names);
  if (!home) return json->Null();
  json->BeginObject();
  json->Key("tid").Integer(home->tid);
  json->Key("name").String(named.profile.dump.process.ThreadName(home->tid));
  json->Key("frame");
  home->frame != nullptr ? WriteFrame(json, *home->frame) : json->Null();
  json->EndObject();
}

// The same numbers in all processes that share it.
void WriteMapping(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  json->Key("mapping");
  const MappedFile* file = FileOf(lock, named.names);
  if (file == nullptr) return json->Null();
  json->BeginObject();
  json->Key("path").String(file->path);
  json->Key("device").String(DeviceText(file->device));
  json->Key("inode").Integer(file->inode);
  json->Key("offset").Integer(file->offset);
  json->EndObject();
}

void WriteIdentity(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  json->Key("name").String(LockName(lock, &named.names));
  json->Key("named_by").String(LockNamedBy(lock, &named.names));
  json->Key("kind").String(Name(lock.kind));
  json->Key("is_lock").Bool(lock.is_lock);
  json->Key("address");
  if (StackNames::IsMade(lock.address)) {
    json->Null();
  } else {
    json->String(absl::StrCat("0x", absl::Hex(lock.address)));
  }
  json->Key("generation").Integer(lock.generation);
  WriteAllocation(json, named, lock);
  WriteStackHome(json, named, lock);
  WriteMapping(json, named, lock);
}

// Of conditions alone.
void WriteWakes(JsonWriter* json, const Lock& lock) {
  if (lock.kind != LockKind::kCondition) {
    json->Key("broadcasts").Null();
    return json->Key("futile_wakes").Null();
  }
  WriteCount(json, "broadcasts", BroadcastsOf(lock), ReleaseDoubtOf(lock));
  WriteCount(json, "futile_wakes", lock.futile_wakes, lock.futile_doubt);
}

void WriteWaiting(JsonWriter* json, const Lock& lock) {
  const bool is_condition = lock.kind == LockKind::kCondition;
  const Waits waits = {lock.contended, lock.wait_ns};
  const Doubt doubt = DoubtOf(lock);
  WriteWaitCounts(json, is_condition ? Waits() : waits, is_condition ? Doubt() : doubt);
  WriteContended(json, "waits_ended", waits, doubt);
  json->Key("longest_wait_ns").Integer(lock.longest_wait_ns);
  WriteWaits(json, "readers", lock, lock.readers, lock.rwlock->readers_waited,
             DoubtOf(lock, Waiters::kReaders));
  WriteWaits(json, "writers", lock, WritersOf(lock), lock.rwlock->writers_waited,
             DoubtOf(lock, Waiters::kWriters));
  WriteWakes(json, lock);
  if (is_condition) {
    WriteWaitTime(json, "idle_ns", waits, doubt);
    WriteTally(json, "reacquire_ns", lock.reacquire_ns);
  } else {
    json->Key("idle_ns").Null();
    json->Key("reacquire_ns").Null();
  }
}

void WriteDistribution(JsonWriter* json, const WeightedQuantiles& quantiles, uint64_t longest_ns) {
  json->Key("p50_ns").Integer(quantiles.Quantile(0.5));
  json->Key("p99_ns").Integer(quantiles.Quantile(0.99));
  json->Key("max_ns").Integer(longest_ns);
  if (json->tables() != nullptr) WriteQuantiles(json, quantiles);
}

void WriteWaitDistribution(JsonWriter* json, const Lock& lock) {
  json->Key("wait_distribution");
  if (lock.wait_distribution.IsEmpty()) return json->Null();
  json->BeginObject();
  WriteDistribution(json, lock.wait_distribution, lock.longest_wait_ns);
  json->EndObject();
}

void WriteTables(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  WriteCount(json, "refused_tries", lock.refused, RefusalDoubtOf(lock));
  WriteObjects(json, "pollers", lock.pollers, [&](const LockPoller& poller) {
    WritePlace(json, named, poller.pc);
    WriteCount(json, "refused_tries", poller.refused, poller.doubt);
  });
  WriteObjects(json, "callers", lock.callers, [&](const LockCaller& caller) {
    WritePlace(json, named, caller.pc);
    json->Key("api").String(Name(caller.api));
    WriteWaitCounts(json, {caller.contended, caller.wait_ns}, caller.doubt);
  });
  WriteCount(json, "released_awaited", lock.released, ReleaseDoubtOf(lock));
  WriteObjects(json, "releasers", lock.releasers, [&](const LockReleaser& releaser) {
    WritePlace(json, named, releaser.pc);
    json->Key("api").String(Name(releaser.api));
    WriteCount(json, "released_awaited", releaser.released, releaser.doubt);
  });
  WriteObjects(json, "threads", lock.threads, [&](const LockThread& thread) {
    json->Key("tid").Integer(thread.tid);
    json->Key("name").String(named.profile.dump.process.ThreadName(thread.tid));
    WriteWaitCounts(json, thread.waits, thread.doubt);
  });
}

void WriteHold(JsonWriter* json, const LockHolds& holds) {
  json->BeginObject();
  WriteTally(json, "sections", holds.sections);
  WriteDistribution(json, holds.distribution, holds.distribution.max());
  if (holds.running_of_ns.IsEmpty()) {
    json->Key("running_ns").Null();
    json->Key("running_of_ns").Null();
  } else {
    WriteTally(json, "running_ns", holds.running_ns);
    WriteTally(json, "running_of_ns", holds.running_of_ns);
  }
  json->EndObject();
}

void WriteInside(JsonWriter* json, const LockHolds& holds) {
  json->BeginObject();
  WriteTally(json, "allocations", holds.allocations);
  WriteTally(json, "bytes", holds.bytes);
  WriteTally(json, "allocator_ns", holds.allocator_ns);
  WriteTally(json, "nested_waits", holds.nested_waits);
  WriteTally(json, "nested_wait_ns", holds.nested_wait_ns);
  WriteTally(json, "idle_ns", holds.idle_ns);
  json->EndObject();
}

void WriteHolds(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  if (lock.holds->sections.IsEmpty()) {
    for (const char* key : {"hold_ns", "hold", "inside", "utilisation"}) json->Key(key).Null();
    return;
  }
  WriteTally(json, "hold_ns", lock.holds->hold_ns);
  json->Key("hold");
  WriteHold(json, *lock.holds);
  json->Key("inside");
  WriteInside(json, *lock.holds);
  json->Key("utilisation");
  const std::optional<double> share = Utilisation(lock, named.profile);
  share ? json->Number(*share) : json->Null();
}

void WriteKept(JsonWriter* json, const Lock& lock) {
  json->Key("kept").BeginObject();
  json->Key("waits").Integer(lock.kept.waits);
  json->Key("wait_ns").Integer(lock.kept.wait_ns);
  json->Key("blame_ns").Integer(lock.kept.blame_ns);
  json->Key("hand_over_ns").Integer(lock.kept.hand_over_ns);
  json->Key("unattributed_ns").Integer(lock.kept.unattributed_ns);
  json->EndObject();
  json->Key("not_kept_ns").Integer(lock.wait_ns - std::min(lock.wait_ns, lock.kept.wait_ns));
  WriteTally(json, "hand_over_ns", lock.hand_over_ns);
  WriteTally(json, "unattributed_ns", lock.unattributed_ns);
}

void WriteRole(JsonWriter* json, Role role) {
  json->Key("holder_role");
  if (role == Role::kNone) return json->Null();
  json->String(role == Role::kReader ? "reader" : "writer");
}

void WritePairs(JsonWriter* json, const NamedProfile& named, const char* key,
                const char* holder_key, std::span<const LockPair> pairs) {
  WriteObjects(json, key, Largest(json, pairs), [&](const LockPair& pair) {
    json->Key("waiter_stack");
    WriteStack(json, named, pair.waiter);
    json->Key(holder_key);
    WriteStack(json, named, pair.holder);
    WriteRole(json, pair.role);
    WriteTally(json, "wait_ns", pair.wait_ns);
    WriteTally(json, "waits", pair.waits);
    if (json->tables() != nullptr) WriteWaitHistory(json, pair.history);
  });
}

void WriteStacks(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  const std::span<const LockPair> none;
  WritePairs(json, named, "blame", "holder_stack", lock.is_lock ? std::span(lock.pairs) : none);
  WritePairs(json, named, "wakers", "waker_stack", lock.is_lock ? none : std::span(lock.pairs));
  WriteObjects(json, "waits", Largest(json, std::span(lock.waits)), [&](const LockWaits& waits) {
    json->Key("waiter_stack");
    WriteStack(json, named, waits.stack);
    WriteTally(json, "wait_ns", waits.wait_ns);
    WriteTally(json, "waits", waits.waits);
    if (json->tables() != nullptr) WriteWaitHistory(json, waits.history);
  });
}

}  // namespace

void WriteLock(JsonWriter* json, const NamedProfile& named, const Lock& lock) {
  json->BeginObject();
  WriteIdentity(json, named, lock);
  WriteWaiting(json, lock);
  WriteWaitDistribution(json, lock);
  WriteTables(json, named, lock);
  WriteHolds(json, named, lock);
  WriteKept(json, lock);
  if (json->tables() != nullptr) WritePageLock(json, lock);
  WriteStacks(json, named, lock);
  json->EndObject();
}

}  // namespace perfagent
