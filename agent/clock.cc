#include "agent/clock.h"

#include <cpuid.h>

#include <atomic>
#include <string_view>

#include "agent/config.h"
#include "agent/sys.h"

namespace perfagent::clock {

constinit Source source = {.uses_tsc = false, .start = 0, .ticks_per_ns = 1};

namespace {

Reading started, calibrated;  // with the counter's own value
bool decided;
std::atomic<uint64_t> frozen;

// Here the instants matter: no instruction before it is still under way, none after it has begun.
uint64_t FencedCounter() {
  __builtin_ia32_lfence();
  const uint64_t counter = __builtin_ia32_rdtsc();
  __builtin_ia32_lfence();
  return counter;
}

// The tightest of some brackets: a thread may be interrupted between the clocks.
Reading ReadWithTsc() {
  constexpr int kTries = 4;
  Reading best = {};
  uint64_t least_width = ~uint64_t{0};
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = FencedCounter();
    const uint64_t monotonic_ns = ReadNs(CLOCK_MONOTONIC);
    const uint64_t after = FencedCounter();
    const uint64_t realtime_ns = ReadNs(CLOCK_REALTIME);
    const uint64_t width = after - before;
    if (width >= least_width) continue;
    least_width = width;
    best = {before + width / 2, monotonic_ns, realtime_ns};
  }
  return best;
}

Reading WithMonotonicTicks(const Reading& reading) {
  return {reading.monotonic_ns, reading.monotonic_ns, reading.realtime_ns};
}

Reading ReadCounter() {
  if (source.uses_tsc) return ReadWithTsc();
  return WithMonotonicTicks({0, ReadNs(CLOCK_MONOTONIC), ReadNs(CLOCK_REALTIME)});
}

// Does the counter run at one speed, also while the processor sleeps?
bool HasInvariantTsc() {
  constexpr unsigned kPowerManagement = 0x80000007;
  constexpr unsigned kInvariantTsc = 1 << 8;
  unsigned a, b, c, d;
  return __get_cpuid(kPowerManagement, &a, &b, &c, &d) != 0 && (d & kInvariantTsc) != 0;
}

// The kernel keeps its own time by it only when it found that all processors' counters agree.
bool KernelTrustsTsc() {
  char text[32];
  const long size = sys::ReadFile(
      "/sys/devices/system/clocksource/clocksource0/current_clocksource", text, sizeof text);
  return size > 0 && std::string_view(text) == "tsc\n";
}

void UseMonotonic() {
  source.uses_tsc = false;
  started = WithMonotonicTicks(started);
  source.start = started.ticks;
}

double MeasuredTicksPerNs() {
  const uint64_t ns = calibrated.monotonic_ns - started.monotonic_ns;
  if (ns == 0) return 0;
  return static_cast<double>(calibrated.ticks - started.ticks) / static_cast<double>(ns);
}

// 0.1 to 20 GHz. Counters that an emulator or a tracer makes up may be anything.
bool IsPlausible(double ticks_per_ns) { return ticks_per_ns > 0.1 && ticks_per_ns < 20; }

}  // namespace

void Start() {
  // Which clock is not known yet.
  started = ReadWithTsc();
  source.start = started.ticks;
  source.uses_tsc = true;
  decided = false;
}

void StartInChild() {
  started = ReadCounter();
  source.start = started.ticks;
}

void Calibrate() {
  if (!decided &&
      (config.clock == ClockChoice::kVdso || !HasInvariantTsc() || !KernelTrustsTsc())) {
    UseMonotonic();
  }
  decided = true;
  // A bracket is some 50 ns wide: over this span the speed is right to 0.05 %, mostly to a tenth of that.
  constexpr uint64_t kLeastNs = 100000;
  constexpr int kMostTries = 300;  // should the clock stand
  calibrated = ReadCounter();
  for (int i = 0; i < kMostTries && source.uses_tsc &&
                  calibrated.monotonic_ns - started.monotonic_ns < kLeastNs;
       ++i) {
    calibrated = ReadCounter();
  }
  source.ticks_per_ns = source.uses_tsc ? MeasuredTicksPerNs() : 1;
  if (!IsPlausible(source.ticks_per_ns)) {
    UseMonotonic();
    calibrated = WithMonotonicTicks(calibrated);
    source.ticks_per_ns = 1;
  }
}

Reading Started() { return started; }
Reading Calibrated() { return calibrated; }

uint64_t Frozen() { return frozen.load(std::memory_order_relaxed); }
void Freeze() { frozen.store(Now(), std::memory_order_relaxed); }

Reading Read() {
  Reading now = ReadCounter();
  now.ticks = now.ticks > source.start ? now.ticks - source.start : 0;
  return now;
}

}  // namespace perfagent::clock
