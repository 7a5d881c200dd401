#include "agent/live_filter.h"

#include "agent/sys.h"

namespace perfagent::live_filter {

namespace {
Counter never{0};
Counter always{1};
}  // namespace

constinit Table table = {&never, 0};

bool UseGranules() {
  void* memory = sys::Reserve(kGranules);
  if (memory == nullptr) return false;
  sys::Advise(memory, kGranules, MADV_WIPEONFORK);
  // The pointer first: with the mask still 0, a free on another thread reads counter 0 of the new table.
  table.counters = static_cast<Counter*>(memory);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  table.mask = kGranules - 1;
  return true;
}

void UseAlways() { table.counters = &always; }

}  // namespace perfagent::live_filter
