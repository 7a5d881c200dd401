#include "agent/live_filter.h"

#include "agent/sys.h"

namespace perfagent::live_filter {

namespace {
Counter never{0};
}  // namespace

constinit Table table = {&never, 0, 0};

bool MapGranules() {
  void* memory = sys::Reserve(kGranules);
  if (memory == nullptr) return false;
  sys::Advise(memory, kGranules, MADV_WIPEONFORK);
  table.counters = static_cast<Counter*>(memory);
  // The pointer first: a free on another thread must not look for its granule behind a single byte.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  table.granules_mask = kGranules - 1;
  return true;
}

// One store: whichever mask another thread's free reads, the counter is there.
void WantTracked() { __atomic_store_n(&table.mask, table.granules_mask, __ATOMIC_RELEASE); }

void WantEvery() {
  table.counters[0].store(kStuck);
  __atomic_store_n(&table.mask, 0, __ATOMIC_RELEASE);
}

}  // namespace perfagent::live_filter
