#include "agent/budget.h"

#include <algorithm>
#include <atomic>

#include "agent/clock.h"
#include "agent/config.h"
#include "agent/dump_writer.h"
#include "agent/lifecycle.h"
#include "agent/live_filter.h"
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
constexpr uint64_t kFullModeRun = 13;             // odd: allocations and frees often take turns
constexpr uint64_t kFullModeInterval = 64 << 10;  // one event in hundreds then costs some ns more

std::atomic<uint64_t> chosen;    // by INTERVAL or by this file; 0: every block
std::atomic<uint64_t> in_force;  // the last mean that was published
// All threads together: time in slow paths, of that for blocks, and bytes of records.
std::atomic<uint64_t> spent_ns, heap_ns, written_bytes;
std::atomic<uint64_t> exact_blocks, exact_bytes;
std::atomic<uint64_t> next_check_ns;

// Since when the spending is judged. One claimer of a check writes it; one that was stopped for long may write it late, and
// then a judgement is wrong once.
std::atomic<uint64_t> since_ns, since_spent_ns, since_heap_ns, since_cpu_ns;

bool IsAuto() { return lifecycle::FullMode() || config.interval_bytes == 0; }
bool InExactState() { return IsAuto() && in_force.load(std::memory_order_relaxed) == 0; }

uint64_t Wanted() {
  const uint64_t asked = RecordsAll() ? 0 : lifecycle::AskedInterval();
  return asked != 0 ? asked : chosen.load(std::memory_order_relaxed);
}

void Thin(uint64_t interval) {
  if (RecordsAll()) return live_set::Thin(interval);  // the header says so
  Stream* stream = streams::Current();
  if (stream == nullptr) return;
  // Published before the time is taken: a block of an earlier time was put into the set before, or knows the new mean.
  if (stream->Put(ThinRecord{clock::Now(), interval})) live_set::Thin(interval);
}

// Before it is in force: the sample that full mode goes on with must not be denser than the header says.
void TellHeader(uint64_t interval) {
  std::atomic<uint64_t>& told = dump_writer::Header()->full_sample_bytes;
  uint64_t before = told.load();
  while (before < interval && !told.compare_exchange_weak(before, interval)) {
  }
}

void Apply() {
  const uint64_t wanted = Wanted();
  uint64_t old = in_force.load(std::memory_order_relaxed);
  if (wanted == old) return;
  if (RecordsAll()) TellHeader(wanted);
  if (!in_force.compare_exchange_strong(old, wanted)) return;
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
// Where the curve begins: for what full mode left of the file, at that moment.
std::atomic<uint64_t> curve_since_ns, curve_since_bytes;

uint64_t Since(uint64_t begin, uint64_t now) { return now > begin ? now - begin : 0; }

// Bytes of records that still fit, as this thread sees it: what is unused of others' segments is theirs.
uint64_t BytesLeft(const Stream* stream) {
  const dump_writer::Usage file = dump_writer::Used();
  const uint64_t own = stream->segment != nullptr ? kSegmentPayload - stream->committed : 0;
  return uint64_t{file.limit - file.segments} * kSegmentPayload + own;
}

// The least mean, from `interval` on, with which the frees of the sampled blocks that live now take a part of what is left.
uint64_t IntervalForFrees(uint64_t interval, uint64_t left) {
  constexpr uint64_t kFreeBytes = 24;  // some need a new stack
  constexpr uint64_t kPart = 4;
  const uint64_t most_blocks = left / kPart / kFreeBytes;
  if (most_blocks >= live_set::kBuckets * live_set::kSlotsPerBucket) return interval;
  while (interval < kGreatestInterval && live_set::CountTrackedAt(interval) > most_blocks)
    interval = Scaled(interval, 2);
  return interval;
}

// Much of what is left was used since it was last judged: a second would be long to wait.
bool IsFileGrowingFast(const Stream* stream) {
  constexpr uint64_t kPart = 8;
  return Since(file_since_bytes.load(), written_bytes.load()) > BytesLeft(stream) / kPart;
}

// The least mean with which the file lasts, from how fast it grew with `interval`: what would be written until the
// running time has doubled, to what may be.
void AdjustFileFloor(uint64_t now, uint64_t interval, const Stream* stream) {
  const uint64_t took = Since(file_since_ns.load(), now);
  const uint64_t age = Since(curve_since_ns.load(), now);
  if (took < std::max(kReadCpuEveryNs, age / 64) && !IsFileGrowingFast(stream)) return;
  uint64_t since_bytes = file_since_bytes.load();
  const uint64_t written = written_bytes.load(), left = BytesLeft(stream);
  if (!file_since_bytes.compare_exchange_strong(since_bytes, written)) return;
  file_since_ns.store(now);
  const auto horizon = static_cast<double>(age);
  const double expected = static_cast<double>(Since(since_bytes, written)) * horizon /
                          static_cast<double>(std::max<uint64_t>(took, 1));
  const uint64_t used = Since(curve_since_bytes.load(), written);
  const double allowed =
      static_cast<double>(used + left) * AllowedPart(2 * horizon) - static_cast<double>(used);
  constexpr double kMostAtOnce = 4;
  const double ratio = allowed > 0 ? expected / allowed : kMostAtOnce;
  const uint64_t floor = Scaled(interval, std::clamp(ratio, 0.5, kMostAtOnce));
  file_floor.store(IntervalForFrees(std::max(floor, kLeastAutoInterval), left));
}

// ---- the time ----

void Choose(uint64_t from, uint64_t interval) {
  interval = std::max(interval, file_floor.load());
  chosen.compare_exchange_strong(from, interval);
  Apply();
}

// What was spent and written until now is no longer looked at. Returns the CPU time.
uint64_t JudgeFromNow() {
  const uint64_t now = clock::NsOf(clock::Now());
  const uint64_t cpu = ReadCpuNs(now);
  since_ns.store(now);
  since_cpu_ns.store(cpu);
  since_spent_ns.store(spent_ns.load());
  since_heap_ns.store(heap_ns.load());
  file_since_ns.store(now);
  file_since_bytes.store(written_bytes.load());
  return cpu;
}

// What was spent per byte in the exact state says which mean will keep to the budget. A moment's measurement: what is
// thinned away by too great a mean does not come back, and too small a one is corrected in some milliseconds.
constexpr uint64_t kMostFirstInterval = 4 << 20;
void EndExactState() {
  const uint64_t cpu = JudgeFromNow();
  const auto spent = static_cast<double>(spent_ns.load());
  const auto for_blocks = static_cast<double>(heap_ns.load());
  const auto blocks = static_cast<double>(std::max<uint64_t>(exact_blocks.load(), 1));
  const double others = std::max(static_cast<double>(cpu) - spent, 1.0);
  const double bytes = static_cast<double>(exact_bytes.load());
  const uint64_t interval = Scaled(1, for_blocks / blocks * bytes / (BudgetShare() * others));
  Choose(0, std::min(interval, kMostFirstInterval));
}

// `ratio` of what may be spent was spent with `interval`. A step of the grid is an eighth: less is left alone.
uint64_t Corrected(uint64_t interval, double ratio) {
  constexpr double kMostAtOnce = 16;
  if (ratio > 1.1) {
    const uint64_t more = Scaled(interval, 1.125 * std::min(ratio, kMostAtOnce));
    return std::min(more, std::max(interval, kMostAutoInterval));
  }
  if (ratio < 0.85) return Scaled(interval, std::max(ratio, 0.5));
  return interval;
}

// What may be spent for blocks, of so much in all: what others leave of it, and enough to see blocks at all.
double PartForBlocks(double may, double others) {
  constexpr double kLeastPart = 0.5;
  return std::max({may - others, may * kLeastPart, 1.0});
}

// Is the mean in force the one that was chosen, and may be another?
bool MayChoose(uint64_t interval) {
  return IsAuto() && interval != 0 && !RecordsAll() && Wanted() == interval;
}

void Check(uint64_t now, const Stream* stream) {
  const uint64_t spent = heap_ns.load() - since_heap_ns.load();
  if (spent < kEnoughNs && now - since_ns.load() < kReadCpuEveryNs) return;
  const uint64_t cpu = ReadCpuNs(now);
  dump_writer::Header()->cpu_ns.store(cpu);
  const double may = static_cast<double>(cpu - since_cpu_ns.load()) * BudgetShare();
  if (spent < kEnoughNs && may < static_cast<double>(kEnoughNs)) return;
  const uint64_t others = Since(since_spent_ns.load() + spent, spent_ns.load());
  since_ns.store(now);
  since_spent_ns.store(spent_ns.load());
  since_heap_ns.store(heap_ns.load());
  since_cpu_ns.store(cpu);
  const uint64_t interval = chosen.load();
  if (!MayChoose(interval)) return;
  AdjustFileFloor(now, interval, stream);
  const double part = PartForBlocks(may, static_cast<double>(others));
  Choose(interval, Corrected(interval, static_cast<double>(spent) / part));
}

void CheckIfDue(uint64_t now, const Stream* stream) {
  uint64_t due = next_check_ns.load(std::memory_order_relaxed);
  if (now >= due && next_check_ns.compare_exchange_strong(due, now + kCheckEveryNs))
    Check(now, stream);
}

void CheckFile(uint64_t now, const Stream* stream) {
  if (!IsFileGrowingFast(stream)) return;
  const uint64_t interval = chosen.load();
  if (!MayChoose(interval)) return;
  AdjustFileFloor(now, interval, stream);
  Choose(interval, interval);
}

// A thread's first one makes room for it, which costs as much however few blocks are sampled.
void TellOthers(Work work, Stream* stream, uint64_t ns) {
  stream->untold_ns += ns;
  if (work == Work::kHeap && stream->has_slow_path) stream->untold_heap_ns += ns;
  stream->has_slow_path = true;
  if (stream->untold_ns < kBatchNs && stream->untold_bytes < kBatchBytes && !InExactState()) return;
  spent_ns.fetch_add(stream->untold_ns);
  heap_ns.fetch_add(stream->untold_heap_ns);
  written_bytes.fetch_add(stream->untold_bytes);
  stream->untold_ns = stream->untold_heap_ns = stream->untold_bytes = 0;
}

bool IsExactOver() {
  if (exact_blocks.load() >= kExactBlocks || heap_ns.load() >= kExactNs) return true;
  const dump_writer::Usage file = dump_writer::Used();
  return static_cast<double>(file.segments) > kFirstPart * static_cast<double>(file.limit);
}

// Of the whole file, so much is left for samples: in a small one a few segments, for as many threads.
bool IsFileNearlyFull(const Stream* stream) {
  constexpr uint64_t kAFew = 4 * kSegmentPayload;
  const uint64_t all = uint64_t{dump_writer::Used().limit} * kSegmentPayload;
  return BytesLeft(stream) <= std::max(all / 8, std::min(all / 2, kAFew));
}

// From the exchange on, what other threads begin is sampled. Whoever is stopped in the middle of this leaves nothing worse
// behind than frees that take the slow path.
void EndFullState(const Stream* stream) {
  JudgeFromNow();
  curve_since_ns.store(file_since_ns.load());
  curve_since_bytes.store(file_since_bytes.load());
  std::atomic<uint64_t>& until = dump_writer::Header()->full_until_ticks;
  uint64_t not_yet = 0;
  if (!until.compare_exchange_strong(not_yet, clock::Now())) return;
  live_filter::WantTracked();
  // Once more: what was begun before the exchange, and after the clock was read for it, is still recorded like all else.
  until.store(clock::Now());
  const uint64_t interval = chosen.load();
  Choose(interval, IntervalForFrees(interval, BytesLeft(stream)));
}

}  // namespace

bool RecordsAll() {
  return config.mode == RunMode::kFull && dump_writer::Header()->full_until_ticks.load() == 0;
}

void Start() {
  chosen.store(lifecycle::FullMode() ? kFullModeInterval : config.interval_bytes);
  in_force.store(chosen.load());
  if (lifecycle::FullMode()) TellHeader(in_force.load());
}

uint64_t IntervalInChild() {
  const uint64_t interval = in_force.load();
  return interval != 0 ? interval : kUsualInterval;
}

void RestartInChild() {
  if (lifecycle::FullMode()) chosen.store(kFullModeInterval);
  if (IsAuto() && chosen.load() == 0) chosen.store(kUsualInterval);
  in_force.store(Wanted());
  if (lifecycle::FullMode()) TellHeader(in_force.load());
  for (std::atomic<uint64_t>* counter :
       {&spent_ns, &heap_ns, &written_bytes, &next_check_ns, &since_ns, &since_spent_ns,
        &since_heap_ns, &since_cpu_ns, &file_since_ns, &file_since_bytes, &curve_since_ns,
        &curve_since_bytes}) {
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

[[gnu::noinline]] void ChargeFor(uint64_t stands_for, Work work, Stream* stream, uint64_t begin,
                                 bool records_all) {
  const uint64_t took = clock::Since(begin);
  const uint64_t took_ns = clock::NsOf(took);
  // One that was stopped for a moment must not stand for others that were not.
  if (took_ns > kNotRunningNs / stands_for) {
    if (took_ns > kNotRunningNs) stream->NoteStall();
    return;
  }
  stream->Bill(took * stands_for);
  TellOthers(work, stream, took_ns * stands_for);
  if (InExactState()) {
    if (IsExactOver()) EndExactState();
    return;
  }
  if (records_all && IsFileNearlyFull(stream)) EndFullState(stream);
  CheckFile(clock::NsOf(begin), stream);
  CheckIfDue(clock::NsOf(begin), stream);
}

void Charge(Work work, Stream* stream, uint64_t begin, bool records_all) {
  if (stream == nullptr) return;
  // A reading of the clock is a tenth of an event: in full mode one slow path stands for several.
  const uint64_t stands_for = records_all ? kFullModeRun : 1;
  if (++stream->slow_paths_unbilled < stands_for) return;
  stream->slow_paths_unbilled = 0;
  ChargeFor(stands_for, work, stream, begin, records_all);
}

void Finish() {
  if (!sandbox::Entered()) {
    dump_writer::Header()->cpu_ns.store(clock::ReadNs(CLOCK_PROCESS_CPUTIME_ID));
  }
}

}  // namespace perfagent::budget
