#include "analyzer/report/json_locks.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "analyzer/report/json_lock.h"
#include "analyzer/report/json_values.h"
#include "analyzer/report/page_locks.h"

namespace perfagent {
namespace {

void WriteThread(JsonWriter* json, const NamedProfile& named, const char* key, uint64_t tid) {
  json->Key(key);
  if (tid == 0) return json->Null();
  json->BeginObject();
  json->Key("tid").Integer(tid);
  json->Key("name").String(named.profile.dump.process.ThreadName(tid));
  json->EndObject();
}

// Where no stack was taken, the place of the call.
void WriteWaiter(JsonWriter* json, const NamedProfile& named, const UnendedWait& wait) {
  json->Key("stack");
  if (wait.stack != kNoStack || wait.caller == 0) return WriteStack(json, named, wait.stack);
  json->BeginArray();
  WriteFrame(json, *named.names.Headline(wait.caller));
  json->EndArray();
}

std::string NameOfLock(const NamedProfile& named, const UnendedWait& wait) {
  return LockName(named.profile.locks.locks[wait.lock.value()], &named.names);
}

void WriteUnended(JsonWriter* json, const NamedProfile& named, const UnendedWait& wait) {
  const uint64_t end_ns = named.profile.dump.process.facts.duration_ns;
  json->BeginObject();
  WriteThread(json, named, "thread", wait.tid);
  json->Key("api").String(Name(wait.api));
  json->Key("lock").String(NameOfLock(named, wait));
  const uint64_t address = named.profile.locks.locks[wait.lock.value()].address;
  json->Key("address").String(absl::StrCat("0x", absl::Hex(address)));
  WriteThread(json, named, "owner", wait.owner_tid);
  json->Key("waited_ns").Integer(end_ns - std::min(end_ns, wait.begin_ns));
  WriteWaiter(json, named, wait);
  json->EndObject();
}

void WriteDeadlock(JsonWriter* json, const NamedProfile& named, const std::vector<size_t>& cycle) {
  json->BeginObject();
  json->Key("cycle").BeginArray();
  for (const size_t i : cycle) {
    const UnendedWait& wait = named.profile.locks.unended[i];
    json->BeginObject();
    WriteThread(json, named, "thread", wait.tid);
    json->Key("waits_for").String(NameOfLock(named, wait));
    WriteThread(json, named, "held_by", wait.owner_tid);
    WriteWaiter(json, named, wait);
    json->EndObject();
  }
  json->EndArray();
  json->EndObject();
}

// What there is without the view; null where there is no view.
void WriteWhole(JsonWriter* json, const LockProfile& locks) {
  json->Key("whole");
  if (!locks.tables) return json->Null();
  const Waits whole = locks.Whole();
  json->BeginObject();
  WriteExact(json, "contended", whole.contended);
  WriteExact(json, "wait_ns", whole.wait_ns);
  json->EndObject();
}

void WriteOrder(JsonWriter* json, const NamedProfile& named, const std::vector<LockOrder>& cycle) {
  json->BeginObject();
  json->Key("cycle").BeginArray();
  for (const LockOrder& order : cycle) {
    json->BeginObject();
    json->Key("lock").String(LockNameAt(order.lock, named));
    json->Key("then").String(LockNameAt(order.then, named));
    json->Key("stack");
    WriteStack(json, named, order.stack);
    json->Key("count").Integer(order.count);
    json->EndObject();
  }
  json->EndArray();
  json->EndObject();
}

}  // namespace

void WriteLockTotals(JsonWriter* json, const LockProfile& locks) {
  if (locks.tables) {
    json->Key("acquisitions").Null();
  } else {
    WriteTally(json, "acquisitions", locks.acquisitions);
  }
  const Doubt& doubt = locks.doubt;
  WriteCount(json, "contended", locks.contended, doubt.fewer.contended, doubt.more.contended);
  WriteCount(json, "wait_ns", locks.wait_ns, doubt.fewer.wait_ns, doubt.more.wait_ns);
  WriteTally(json, "unattributed_ns", locks.unattributed_ns);
  WriteTally(json, "hand_over_ns", locks.hand_over_ns);
}

void WriteLocks(JsonWriter* json, const NamedProfile& named, std::optional<uint64_t> limit) {
  const LockProfile& locks = named.profile.locks;
  std::vector<const Lock*> known = KnownLocks(locks);
  if (limit && known.size() > *limit) known.resize(*limit);
  json->BeginObject();
  WriteLockTotals(json, locks);
  WriteWhole(json, locks);
  if (json->tables() != nullptr) {
    WritePageLocks(json, locks, known);
    known.resize(std::min(known.size(), kPageLocks));
  }
  json->Key("objects").BeginArray();
  for (const Lock* lock : known) WriteLock(json, named, *lock);
  json->EndArray();
  json->Key("ongoing").BeginArray();
  for (const UnendedWait& wait : locks.unended) WriteUnended(json, named, wait);
  json->EndArray();
  json->Key("deadlocks").BeginArray();
  for (const std::vector<size_t>& cycle : locks.deadlocks) WriteDeadlock(json, named, cycle);
  json->EndArray();
  json->Key("lock_order").BeginArray();
  for (const std::vector<LockOrder>& cycle : locks.order_cycles) WriteOrder(json, named, cycle);
  json->EndArray();
  json->EndObject();
}

}  // namespace perfagent
