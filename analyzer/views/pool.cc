#include "analyzer/views/pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "analyzer/model/lock_merge.h"

namespace perfagent {
namespace {

void AddLosses(const std::vector<LossCount>& more, std::vector<LossCount>* losses) {
  for (const LossCount& loss : more) {
    const auto found = std::find_if(losses->begin(), losses->end(), [&](const LossCount& known) {
      return known.cause == loss.cause;
    });
    if (found == losses->end()) {
      losses->push_back(loss);
    } else {
      found->count += loss.count;
    }
  }
}

void Merge(const SizeBucket& other, SizeBucket* size) {
  size->allocations.Merge(other.allocations);
  size->bytes.Merge(other.bytes);
  size->usable_bytes.Merge(other.usable_bytes);
}

void AddWhole(const std::optional<HeapMetrics>& more, std::optional<HeapMetrics>* whole) {
  if (!more) return;
  if (!*whole) whole->emplace();
  (*whole)->Merge(*more);
}

}  // namespace

// No stack is the first one that is made: it is StackId 0 here, too.
Pool::Pool() { names_.Make({}, /*is_truncated=*/false); }

void Pool::Add(const NamedProfile& named, Findings findings) {
  const Profile& profile = named.profile;
  const ProcessFacts& facts = profile.dump.process.facts;
  processes_.push_back({.dump = profile.dump.path,
                        .executable = facts.executable,
                        .pid = facts.pid,
                        .parent_pid = facts.parent_pid,
                        .duration_ns = facts.duration_ns,
                        .ended = facts.ended,
                        .bytes = profile.heap.total.bytes,
                        .leaked_bytes = profile.heap.total.leaked_bytes,
                        .wait_ns = profile.locks.wait_ns});
  unseen_.Merge(UnseenIn(profile));
  cost_.Merge(profile.dump.Cost());
  AddFacts(profile);
  AddHeap(profile.heap, &named.names);
  AddLocks(profile.locks, &named.names);
  AddOrders(named);
  merged_findings_.Add(named, std::move(findings));
}

void Pool::AddFacts(const Profile& profile) {
  const ProcessFacts& facts = profile.dump.process.facts;
  AddLosses(facts.losses, &losses_);
  damage_.insert(damage_.end(), profile.dump.damage.begin(), profile.dump.damage.end());
  duration_ns_ += facts.duration_ns;
  is_sampled_ |= facts.IsSampled();
  is_heap_enabled_ |= facts.heap_enabled;
  are_locks_enabled_ |= facts.locks_enabled;
}

void Pool::AddHeap(const HeapProfile& heap, StackNames* names) {
  heap_.total.Merge(heap.total);
  AddWhole(heap.whole, &heap_.whole);
  heap_.widest_interval_bytes = std::max(heap_.widest_interval_bytes, heap.widest_interval_bytes);
  heap_.unpaired_frees += heap.unpaired_frees;
  heap_.unpaired_reallocs += heap.unpaired_reallocs;
  heap_.overlaps += heap.overlaps;
  heap_.repaired_inversions += heap.repaired_inversions;
  heap_.stacks.Merge(heap.stacks);
  for (size_t i = 0; i < kSizeBuckets; ++i) Merge(heap.sizes[i], &heap_.sizes[i]);
  for (const HeapSite& site : heap.sites) {
    const auto [found, is_new] = site_at_.try_emplace(
        {KeyOf(site.stack, names), site.api, site.suppressed_by}, heap_.sites.size());
    if (is_new) {
      heap_.sites.push_back({.stack = Remake(site.stack, names),
                             .api = site.api,
                             .suppressed_by = site.suppressed_by});
    }
    HeapSite& pooled = heap_.sites[found->second];
    pooled.metrics.Merge(site.metrics);
    pooled.lifetimes.Merge(site.lifetimes);
    // Of grouped sites, not of one in each process.
    pooled.merged_sites = std::max(pooled.merged_sites, site.merged_sites);
  }
}

void Pool::AddLocks(const LockProfile& locks, StackNames* names) {
  locks_.acquisitions.Merge(locks.acquisitions);
  locks_.stacks.Merge(locks.stacks);
  locks_.undefined_stacks += locks.undefined_stacks;
  if (locks.tables) {
    if (!locks_.tables) locks_.tables.emplace();
    locks_.tables->Add(locks.tables->contended, locks.tables->wait_ns);
  }
  std::vector<LockId> ids;
  for (const Lock& lock : locks.locks) ids.push_back(Add(lock, names));
  AddDeadlocks(locks, ids, names);
}

// Other threads that wait at the end of a process are as many as there are processes, and say little.
void Pool::AddDeadlocks(const LockProfile& locks, const std::vector<LockId>& ids,
                        StackNames* names) {
  for (const std::vector<size_t>& cycle : locks.deadlocks) {
    std::vector<size_t>& pooled = locks_.deadlocks.emplace_back();
    for (const size_t i : cycle) {
      UnendedWait wait = locks.unended[i];
      wait.lock = ids[wait.lock.value()];
      wait.stack = Remake(wait.stack, names);
      if (wait.caller != 0) wait.caller = Remake(wait.caller, names);
      pooled.push_back(locks_.unended.size());
      locks_.unended.push_back(wait);
    }
  }
}

// REQUIRES: the profile's locks were added.
void Pool::AddOrders(const NamedProfile& named) {
  for (const std::vector<LockOrder>& cycle : named.profile.locks.order_cycles) {
    std::vector<LockOrder> pooled;
    pooled.reserve(cycle.size());
    for (const LockOrder& order : cycle) {
      pooled.push_back({.lock = AddressOf(order.lock, named),
                        .then = AddressOf(order.then, named),
                        .stack = Remake(order.stack, &named.names),
                        .count = order.count});
    }
    // Which lock it begins with is chance.
    std::rotate(
        pooled.begin(),
        std::min_element(pooled.begin(), pooled.end(),
                         [](const LockOrder& a, const LockOrder& b) { return a.lock < b.lock; }),
        pooled.end());
    std::vector<std::tuple<uint64_t, uint64_t, StackId>> key;
    key.reserve(pooled.size());
    for (const LockOrder& order : pooled) key.emplace_back(order.lock, order.then, order.stack);
    const auto [found, is_new] = cycle_at_.try_emplace(std::move(key), locks_.order_cycles.size());
    if (is_new) {
      locks_.order_cycles.push_back(std::move(pooled));
    } else {
      std::vector<LockOrder>& known = locks_.order_cycles[found->second];
      for (size_t i = 0; i < known.size(); ++i) known[i].count += pooled[i].count;
    }
  }
}

// In the pool, of the lock at a process's address.
uint64_t Pool::AddressOf(uint64_t address, const NamedProfile& named) {
  const Lock* lock = LockAt(address, named.profile.locks);
  const std::string name = SharedLockNameAt(address, named);
  if (lock != nullptr) return locks_.locks[lock_at_.at({name, lock->kind}).value()].address;
  const auto [found, is_new] = address_of_.try_emplace(name);
  if (is_new) found->second = names_.MakeData(name);
  return found->second;
}

LockId Pool::Add(const Lock& lock, StackNames* names) {
  const std::string name = SharedLockName(lock, names);
  const auto [found, is_new] = lock_at_.try_emplace({name, lock.kind}, LockId(locks_.locks.size()));
  Lock remade = Remake(lock, names);
  if (is_new) {
    remade.address = names_.MakeData(name);
    locks_.locks.push_back(std::move(remade));
  } else {
    Merge(remade, &locks_.locks[found->second.value()]);
  }
  return found->second;
}

// With stacks and addresses of the pool; its threads are the process's own.
Lock Pool::Remake(const Lock& lock, StackNames* names) {
  Lock remade = lock;
  remade.threads.clear();
  remade.generation = 0;
  remade.first_wait = Remake(lock.first_wait, names);
  if (remade.allocation) remade.allocation->stack = Remake(remade.allocation->stack, names);
  for (LockWaits& waits : remade.waits) {
    waits.stack = Remake(waits.stack, names);
    waits.history = {};
  }
  for (LockPair& pair : remade.pairs) {
    pair.waiter = Remake(pair.waiter, names);
    pair.holder = Remake(pair.holder, names);
    pair.history = {};
  }
  for (LockCaller& caller : remade.callers) caller.pc = Remake(caller.pc, names);
  for (LockReleaser& releaser : remade.releasers) releaser.pc = Remake(releaser.pc, names);
  for (LockPoller& poller : remade.pollers) poller.pc = Remake(poller.pc, names);
  return remade;
}

std::vector<uint32_t> Pool::KeyOf(StackId stack, StackNames* names) {
  std::vector<uint32_t> key;
  for (const SourceFrame* frame : names->Frames(stack)) {
    const auto [found, is_new] =
        function_at_.try_emplace(frame->function, static_cast<uint32_t>(function_at_.size()));
    key.push_back(found->second);
  }
  return key;
}

StackId Pool::Remake(StackId stack, StackNames* names) {
  return names_.Make(names->Frames(stack), names->IsTruncated(stack));
}

uint64_t Pool::Remake(uint64_t pc, StackNames* names) {
  return names_.MakeAddress(*names->Headline(pc));
}

NamedProfile Pool::Finish(Profile any) {
  ProcessFacts& facts = any.dump.process.facts;
  facts.losses = std::move(losses_);
  facts.duration_ns = duration_ns_;
  facts.heap_enabled = is_heap_enabled_;
  facts.locks_enabled = are_locks_enabled_;
  facts.full_end.reset();
  facts.mode = is_sampled_ ? Mode::kSample : Mode::kFull;
  any.dump.damage = std::move(damage_);
  any.heap = std::move(heap_);
  locks_.SumLocks();
  findings_ = merged_findings_.Finish();
  any.locks = std::move(locks_);
  profile_.emplace(std::move(any));
  return {*profile_, names_, &findings_};
}

}  // namespace perfagent
