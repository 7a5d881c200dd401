#include "agent/budget.h"

#include <algorithm>
#include <atomic>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/dump_writer.h"
#include "agent/lifecycle.h"
#include "agent/live_set.h"
#include "agent/sampler.h"
#include "agent/sandbox.h"
#include "agent/stream.h"
#include "perfagent/sampling.h"

namespace perfagent::budget {

namespace {

// A slow path this long was not running for most of it.
constexpr uint64_t kNotRunningNs = 1000000;
// Threads add up what they spent before they tell the others.
constexpr uint64_t kBatchNs = 16000;
constexpr uint64_t kBatchBytes = 512;
// So much, of the agent's time or of what it may spend, is enough to judge by.
constexpr uint64_t kEnoughNs = 1000000;
constexpr uint64_t kCheckEveryNs = 10000000;
constexpr uint64_t kReadCpuEveryNs = 1000000000;
constexpr uint64_t kFullModeRun = 13;  // odd: allocations and frees often take turns

std::atomic<uint64_t> chosen;    // by INTERVAL or by this file; 0: every block
std::atomic<uint64_t> in_force;  // the last mean that was published
// All threads together: time in slow paths, and bytes of records.
std::atomic<uint64_t> spent_ns, written_bytes;
std::atomic<uint64_t> exact_blocks, exact_bytes;
std::atomic<uint64_t> next_check_ns;

// Since when the spending is judged. One claimer of a check writes it; one that was stopped for long may write it late, and
// then a judgement is wrong once.
std::atomic<uint64_t> since_ns, since_spent_ns, since_cpu_ns;

bool IsAuto() { return !lifecycle::FullMode() && config.interval_bytes == 0; }
bool InExactState() { return IsAuto() && in_force.load(std::memory_order_relaxed) == 0; }

uint64_t Wanted() {
  const uint64_t asked = lifecycle::AskedInterval();
  return asked != 0 ? asked : chosen.load(std::memory_order_relaxed);
}

void Thin(uint64_t interval) {
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  // Published before the time is taken: a block of an earlier time was put into the set before, or knows the new mean.
  if (stream->Put(ThinRecord{clock::Now(), interval})) live_set::Thin(interval);
}

void Apply() {
  const uint64_t wanted = Wanted();
  uint64_t old = in_force.load(std::memory_order_relaxed);
  if (wanted == old || !in_force.compare_exchange_strong(old, wanted)) return;
  if (wanted > old) Thin(wanted);
}

// The CPU time of the process. Where no system call may be made: as if one thread ran all the time.
uint64_t ReadCpuNs(uint64_t now) {
  if (!sandbox::Entered()) return clock::ReadNs(CLOCK_PROCESS_CPUTIME_ID);
  return since_cpu_ns.load() + (now - since_ns.load());
}

double BudgetShare() { return static_cast<double>(config.budget_ppm) * 1e-6; }

uint64_t Scaled(uint64_t interval, double factor) {
  const double bytes = static_cast<double>(interval) * factor;
  constexpr auto kMost = static_cast<double>(kGreatestInterval);
  return sampling::GridFloor(static_cast<uint64_t>(bytes < kMost ? bytes : kMost));
}

// ---- the file's growth ----

constexpr double kFirstPart = 0.25;  // of the file, for the exact state and what comes at once
constexpr double kFirstMinute = 60e9;
constexpr double kYear = 365 * 86400e9;

// Which part of the file may be used `ns` after start: the growth slows down as 1 / time, so the mean between samples
// grows in proportion to it.
double AllowedPart(double ns) {
  static constexpr double kEnd = 0.95;
  return kFirstPart + (kEnd - kFirstPart) * sampler::Log(1 + ns / kFirstMinute) /
                          sampler::Log(1 + kYear / kFirstMinute);
}

std::atomic<uint64_t> file_floor{kLeastAutoInterval};
std::atomic<uint64_t> file_since_ns, file_since_bytes;

// Bytes of records that fit: what segments leave unused of their own is lost to others.
double RoomFor(uint64_t written) {
  const dump_writer::Usage file = dump_writer::Used();
  const double unused =
      static_cast<double>(file.segments * kSegmentPayload) - static_cast<double>(written);
  return static_cast<double>(file.limit * kSegmentPayload) - std::max(unused, 0.0);
}

// The least mean with which the file lasts, from how fast it grew with `interval`: what would be written until the
// running time has doubled, to what may be.
void AdjustFileFloor(uint64_t now, uint64_t interval) {
  const uint64_t since = file_since_ns.load();
  if (now - since < std::max<uint64_t>(kReadCpuEveryNs, now / 64)) return;
  const uint64_t written = written_bytes.load();
  const double grown = static_cast<double>(written - file_since_bytes.load());
  file_since_ns.store(now);
  file_since_bytes.store(written);
  const double horizon = static_cast<double>(now);
  const double expected = grown * horizon / static_cast<double>(now - since);
  const double allowed = RoomFor(written) * AllowedPart(2 * horizon) - static_cast<double>(written);
  constexpr double kMostAtOnce = 4;
  const double ratio = allowed > 0 ? expected / allowed : kMostAtOnce;
  const uint64_t floor = Scaled(interval, std::clamp(ratio, 0.5, kMostAtOnce));
  file_floor.store(std::max(floor, kLeastAutoInterval));
}

// ---- the time ----

void Choose(uint64_t from, uint64_t interval) {
  interval = std::max(interval, file_floor.load());
  chosen.compare_exchange_strong(from, interval);
  Apply();
}

// What was spent per byte in the exact state says which mean will keep to the budget. A moment's measurement: what is
// thinned away by too great a mean does not come back, and too small a one is corrected in some milliseconds.
constexpr uint64_t kMostFirstInterval = 4 << 20;
void EndExactState() {
  const uint64_t now = clock::NsOf(clock::Now());
  const uint64_t cpu = ReadCpuNs(now);
  const auto spent = static_cast<double>(spent_ns.load());
  const auto blocks = static_cast<double>(std::max<uint64_t>(exact_blocks.load(), 1));
  const double others = std::max(static_cast<double>(cpu) - spent, 1.0);
  const double bytes = static_cast<double>(exact_bytes.load());
  since_ns.store(now);
  since_cpu_ns.store(cpu);
  since_spent_ns.store(spent_ns.load());
  const uint64_t interval = Scaled(1, spent / blocks * bytes / (BudgetShare() * others));
  Choose(0, std::min(interval, kMostFirstInterval));
}

// `ratio` of what may be spent was spent with `interval`. A step of the grid is an eighth: less is left alone.
uint64_t Corrected(uint64_t interval, double ratio) {
  constexpr double kMostAtOnce = 16;
  if (ratio > 1.1) return Scaled(interval, 1.125 * std::min(ratio, kMostAtOnce));
  if (ratio < 0.85) return Scaled(interval, std::max(ratio, 0.5));
  return interval;
}

void Check(uint64_t now) {
  const uint64_t spent = spent_ns.load() - since_spent_ns.load();
  if (spent < kEnoughNs && now - since_ns.load() < kReadCpuEveryNs) return;
  const uint64_t cpu = ReadCpuNs(now);
  dump_writer::Header()->cpu_ns.store(cpu);
  const double may = static_cast<double>(cpu - since_cpu_ns.load()) * BudgetShare();
  if (spent < kEnoughNs && may < static_cast<double>(kEnoughNs)) return;
  since_ns.store(now);
  since_spent_ns.store(spent_ns.load());
  since_cpu_ns.store(cpu);
  const uint64_t interval = chosen.load();
  if (!IsAuto() || interval == 0 || Wanted() != interval) return;
  AdjustFileFloor(now, interval);
  Choose(interval, Corrected(interval, static_cast<double>(spent) / std::max(may, 1.0)));
}

void CheckIfDue(uint64_t now) {
  uint64_t due = next_check_ns.load(std::memory_order_relaxed);
  if (now >= due && next_check_ns.compare_exchange_strong(due, now + kCheckEveryNs)) Check(now);
}

void TellOthers(Stream* stream, uint64_t ns) {
  stream->untold_ns += ns;
  if (stream->untold_ns < kBatchNs && stream->untold_bytes < kBatchBytes && !InExactState()) return;
  spent_ns.fetch_add(stream->untold_ns);
  written_bytes.fetch_add(stream->untold_bytes);
  stream->untold_ns = stream->untold_bytes = 0;
}

bool IsExactOver() {
  if (exact_blocks.load() >= kExactBlocks || spent_ns.load() >= kExactNs) return true;
  const dump_writer::Usage file = dump_writer::Used();
  return static_cast<double>(file.segments) > kFirstPart * static_cast<double>(file.limit);
}

}  // namespace

void Start() {
  chosen.store(config.interval_bytes);
  in_force.store(config.interval_bytes);
}

uint64_t IntervalInChild() {
  const uint64_t interval = in_force.load();
  return interval != 0 ? interval : kUsualInterval;
}

void RestartInChild() {
  if (IsAuto() && chosen.load() == 0) chosen.store(kUsualInterval);
  in_force.store(Wanted());
  for (std::atomic<uint64_t>* counter :
       {&spent_ns, &written_bytes, &next_check_ns, &since_ns, &since_spent_ns, &since_cpu_ns,
        &file_since_ns, &file_since_bytes}) {
    counter->store(0);
  }
  file_floor.store(kLeastAutoInterval);
}

uint64_t Interval() {
  Apply();
  return IntervalInForce();
}

uint64_t IntervalInForce() { return in_force.load(); }

void CountSample(uint64_t size) {
  if (!InExactState()) return;
  exact_blocks.fetch_add(1, std::memory_order_relaxed);
  exact_bytes.fetch_add(size + 1, std::memory_order_relaxed);
}

void Crowded() {
  const uint64_t interval = chosen.load();
  if (!IsAuto()) return;
  if (interval == 0) {
    EndExactState();
  } else {
    Choose(interval, Scaled(interval, 2));
  }
}

void Charge(Stream* stream, uint64_t begin) {
  if (stream == nullptr) return;
  // A reading of the clock is a tenth of an event: in full mode one slow path stands for several.
  const uint64_t stands_for = lifecycle::FullMode() ? kFullModeRun : 1;
  if (++stream->slow_paths_unbilled < stands_for) return;
  stream->slow_paths_unbilled = 0;
  const uint64_t took = clock::Since(begin);
  const uint64_t took_ns = clock::NsOf(took);
  if (took_ns > kNotRunningNs) return;
  stream->Bill(took * stands_for);
  TellOthers(stream, took_ns * stands_for);
  if (InExactState()) {
    if (IsExactOver()) EndExactState();
  } else {
    CheckIfDue(clock::NsOf(begin));
  }
}

void Finish() {
  if (!sandbox::Entered()) {
    dump_writer::Header()->cpu_ns.store(clock::ReadNs(CLOCK_PROCESS_CPUTIME_ID));
  }
}

}  // namespace perfagent::budget
