#include "agent/counters.h"

#include "agent/dump_writer.h"

namespace perfagent::counters {

namespace {

std::atomic<uint64_t> waiting[kLossCount];

std::atomic<uint64_t>& Counter(Loss cause) {
  HeaderPage* header = dump_writer::Header();
  const size_t index = static_cast<size_t>(cause);
  return header != nullptr ? header->losses[index] : waiting[index];
}

// The others lose a detail of an event, or a process.
bool IsEvent(Loss cause) {
  return cause != Loss::kNoStack && cause != Loss::kModuleTableFull && cause != Loss::kQuietChild;
}

}  // namespace

void Add(Loss cause, uint64_t count) { Counter(cause).fetch_add(count, std::memory_order_relaxed); }

uint64_t Get(Loss cause) { return Counter(cause).load(std::memory_order_relaxed); }

void Flush() {
  for (size_t i = 0; i < kLossCount; ++i) Add(static_cast<Loss>(i), waiting[i].exchange(0));
}

uint64_t TotalEvents() {
  uint64_t total = 0;
  for (size_t i = 0; i < kLossCount; ++i) {
    const auto cause = static_cast<Loss>(i);
    if (IsEvent(cause)) total += Get(cause);
  }
  return total;
}

}  // namespace perfagent::counters
