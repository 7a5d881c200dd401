// lock_order.h: in which order the program takes its locks, and where two orders contradict each other.
//
// Two threads that take the locks of a cycle at the same time, each from its own place in it, wait for one another for
// ever. A try that fails comes back, and is no part of an order.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/lock_profile.h"

namespace perfagent {

class LockOrders {
 public:
  // `lock` was taken while `outer` was held.
  void Add(uint64_t outer, uint64_t lock, StackId stack);
  // Shortest ones, so that each lock that is in a cycle is in one of these.
  std::vector<std::vector<LockOrder>> FindCycles() const;

 private:
  std::vector<LockOrder> orders_;
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, size_t> order_at_;
};

}  // namespace perfagent
