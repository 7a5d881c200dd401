#include "analyzer/replay/lock_order.h"

#include <algorithm>
#include <deque>

#include "absl/container/flat_hash_set.h"

namespace perfagent {
namespace {

// More than anyone reads; a search goes through all orders.
constexpr size_t kMostCycles = 100;
constexpr size_t kMostSearches = 1000;

// The orders as a graph of locks.
class Graph {
 public:
  explicit Graph(const std::vector<LockOrder>& orders) : orders_(orders) {
    for (size_t i = 0; i < orders.size(); ++i) from_[orders[i].lock].push_back(i);
  }

  // Indices of the orders of a shortest cycle through the lock; empty when there is none.
  std::vector<size_t> ShortestCycle(uint64_t lock) const {
    absl::flat_hash_map<uint64_t, size_t> reached_by;
    std::deque<uint64_t> next = {lock};
    while (!next.empty()) {
      const auto found = from_.find(next.front());
      next.pop_front();
      if (found == from_.end()) continue;
      for (const size_t order : found->second) {
        const uint64_t then = orders_[order].then;
        if (!reached_by.try_emplace(then, order).second) continue;
        if (then == lock) return PathTo(lock, reached_by);
        next.push_back(then);
      }
    }
    return {};
  }

 private:
  std::vector<size_t> PathTo(uint64_t lock,
                             const absl::flat_hash_map<uint64_t, size_t>& reached_by) const {
    std::vector<size_t> path;
    uint64_t at = lock;
    do {
      path.push_back(reached_by.at(at));
      at = orders_[path.back()].lock;
    } while (at != lock);
    std::reverse(path.begin(), path.end());
    return path;
  }

  const std::vector<LockOrder>& orders_;
  absl::flat_hash_map<uint64_t, std::vector<size_t>>
      from_;  // indices of orders, by their first lock
};

// Leaves orders whose first lock is taken after another, and whose second before another, as long as there are others:
// what is in no cycle nor between two of them goes.
std::vector<LockOrder> Core(std::vector<LockOrder> orders) {
  size_t before = 0;
  do {
    before = orders.size();
    absl::flat_hash_set<uint64_t> first, second;
    for (const LockOrder& order : orders) {
      first.insert(order.lock);
      second.insert(order.then);
    }
    std::erase_if(orders, [&](const LockOrder& order) {
      return !second.contains(order.lock) || !first.contains(order.then);
    });
  } while (orders.size() < before);
  return orders;
}

}  // namespace

void LockOrders::Add(uint64_t outer, uint64_t lock, StackId stack) {
  if (outer == 0 || outer == lock) return;
  const auto [found, is_new] = order_at_.try_emplace({outer, lock}, orders_.size());
  if (is_new) orders_.push_back({.lock = outer, .then = lock, .stack = stack});
  ++orders_[found->second].count;
}

std::vector<std::vector<LockOrder>> LockOrders::FindCycles() const {
  const std::vector<LockOrder> core = Core(orders_);
  const Graph graph(core);
  std::vector<std::vector<LockOrder>> cycles;
  absl::flat_hash_set<uint64_t> searched;
  for (const LockOrder& order : core) {
    if (cycles.size() == kMostCycles || searched.size() == kMostSearches) break;
    if (!searched.insert(order.lock).second) continue;
    std::vector<LockOrder> cycle;
    for (const size_t i : graph.ShortestCycle(order.lock)) cycle.push_back(core[i]);
    // Its other locks are in it, too.
    for (const LockOrder& part : cycle) searched.insert(part.lock);
    if (!cycle.empty()) cycles.push_back(std::move(cycle));
  }
  return cycles;
}

}  // namespace perfagent
