#include "analyzer/report/page_locks.h"

#include <cmath>

#include "analyzer/report/json_values.h"

namespace perfagent {
namespace {

WaitHistory HistoryOf(const Lock& lock) {
  WaitHistory history;
  for (const LockWaits& waits : lock.waits) history.Merge(waits.history);
  return history;
}

// What follows the first kPagePairs.
template <typename T>
void WritePrunedStacks(JsonWriter* json, const char* key, const std::vector<T>& parts) {
  Tally wait_ns;
  for (size_t i = kPagePairs; i < parts.size(); ++i) wait_ns.Merge(parts[i].wait_ns);
  json->Key(key).BeginObject();
  json->Key("stacks").Integer(parts.size() > kPagePairs ? parts.size() - kPagePairs : 0);
  WriteTally(json, "wait_ns", wait_ns);
  json->EndObject();
}

}  // namespace

void WriteQuantiles(JsonWriter* json, const WeightedQuantiles& quantiles) {
  json->Key("quantiles").BeginArray();
  for (const double part : {0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99}) {
    json->BeginArray();
    json->Number(part);
    json->Integer(quantiles.Quantile(part));
    json->EndArray();
  }
  json->EndArray();
}

void WriteWaitHistory(JsonWriter* json, const WaitHistory& history) {
  json->Key("history").BeginArray();
  for (const double wait_ns : history.wait_ns()) json->Number(std::round(wait_ns));
  json->EndArray();
}

void WritePageLocks(JsonWriter* json, const LockProfile& locks,
                    const std::vector<const Lock*>& known) {
  Waits pruned;
  for (size_t i = kPageLocks; i < known.size(); ++i) {
    if (known[i]->is_lock) pruned.Add(known[i]->contended, known[i]->wait_ns);
  }
  json->Key("pruned").BeginObject();
  json->Key("locks").Integer(known.size() > kPageLocks ? known.size() - kPageLocks : 0);
  WriteExact(json, "contended", pruned.contended);
  WriteExact(json, "wait_ns", pruned.wait_ns);
  json->EndObject();
  WaitHistory history;
  for (const Lock& lock : locks.locks) {
    if (lock.is_lock) history.Merge(HistoryOf(lock));
  }
  WriteWaitHistory(json, history);
}

void WritePageLock(JsonWriter* json, const Lock& lock) {
  WriteWaitHistory(json, HistoryOf(lock));
  WritePrunedStacks(json, "blame_pruned", lock.pairs);
  WritePrunedStacks(json, "waits_pruned", lock.waits);
}

}  // namespace perfagent
