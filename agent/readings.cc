#include "agent/readings.h"

#include <algorithm>

#include "agent/clock.h"

namespace perfagent::readings {

constinit std::atomic<uint64_t> next{0};

namespace {

// At first as often as is said here, later on less often, each after this part of the running time: those of a year are to
// take some ten kilobytes.
struct Schedule {
  uint64_t least_gap_ns;
  uint64_t part;
  std::atomic<uint64_t> next{0};  // ticks

  bool Claim(uint64_t now) {
    uint64_t due = next.load(std::memory_order_relaxed);
    return now >= due && next.compare_exchange_strong(
                             due, now + std::max(clock::TicksOf(least_gap_ns), now / part));
  }
};

constinit Schedule clocks{.least_gap_ns = 1000000000, .part = 512};
// A program of 50 ms is to have some. They are no more than a hundred a second; 1,500 in a day, 2,300 in a year.
constinit Schedule memory{.least_gap_ns = 10000000, .part = 128};

// Schedules only ever move on: what one thread stores late is too early for the others, who then look again.
void StoreNext() { next.store(std::min(clocks.next.load(), memory.next.load())); }

}  // namespace

void Start() {
  clocks.next.store(clock::TicksOf(clocks.least_gap_ns));  // the header has two of the beginning
  memory.next.store(0);
  StoreNext();
}

Due Claim(uint64_t now) {
  const Due due = {.clock = clocks.Claim(now), .memory = memory.Claim(now)};
  StoreNext();
  return due;
}

}  // namespace perfagent::readings
