#include "analyzer/replay/kept_counts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace perfagent {
namespace {

// A damaged file's waits may be of any length.
uint64_t Whole(double value) {
  return static_cast<uint64_t>(std::round(std::clamp(value, 0.0, 1e18)));
}

struct KeptOfCaller {
  Tally waits;
  Tally wait_ns;
};

LockCaller CallerOf(uint64_t pc, LockApi api, const KeptOfCaller& kept) {
  const Estimate waits = kept.waits.Interval(), wait_ns = kept.wait_ns.Interval();
  LockCaller caller{
      .pc = pc, .api = api, .contended = Whole(waits.value), .wait_ns = Whole(wait_ns.value)};
  caller.doubt.fewer = {caller.contended - std::min(caller.contended, Whole(waits.low)),
                        caller.wait_ns - std::min(caller.wait_ns, Whole(wait_ns.low))};
  caller.doubt.more = {Whole(waits.high) - std::min(Whole(waits.high), caller.contended),
                       Whole(wait_ns.high) - std::min(Whole(wait_ns.high), caller.wait_ns)};
  return caller;
}

}  // namespace

void CountKeptWaits(const Process& process, Lock* lock) {
  std::map<std::pair<uint64_t, LockApi>, KeptOfCaller> by_caller;
  for (const LockWaits& waits : lock->waits) {
    const std::vector<Frame> frames = process.Frames(waits.stack);
    KeptOfCaller& kept = by_caller[{frames.empty() ? 0 : frames.front().pc, waits.api}];
    kept.waits.Merge(waits.waits);
    kept.wait_ns.Merge(waits.wait_ns);
  }
  for (const auto& [key, kept] : by_caller) {
    const LockCaller& caller = lock->callers.emplace_back(CallerOf(key.first, key.second, kept));
    lock->contended += caller.contended;
    lock->wait_ns += caller.wait_ns;
    if (IsRead(caller.api)) lock->readers.Add(caller.contended, caller.wait_ns);
  }
}

}  // namespace perfagent
