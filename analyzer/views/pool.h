// pool.h: the profiles of many dumps become one: of a process tree, or of the processes of one service.
//
// Sites are one when the functions on their stacks and the kinds of call are; locks, when their names and kinds are.
// Processes load code at different addresses, so the pool has stacks and addresses of its own (StackNames::Make). A profile
// can go once it was added: memory grows with the number of different sites and locks, and by a line for each process.
//
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/findings/merged_findings.h"
#include "analyzer/model/agent_cost.h"
#include "analyzer/report/report_input.h"
#include "analyzer/report/unseen.h"

namespace perfagent {

// One line about each process.
struct PooledProcess {
  std::string dump;
  std::string executable;
  uint32_t pid = 0;
  uint32_t parent_pid = 0;
  uint64_t duration_ns = 0;
  Ended ended = Ended::kExited;
  Tally bytes = {};
  Tally leaked_bytes = {};
  uint64_t wait_ns = 0;
};

class Pool {
 public:
  Pool();
  Pool(const Pool&) = delete;  // names_ points into it
  Pool& operator=(const Pool&) = delete;

  // Frames are as `named.names` shows them; `findings` are the profile's.
  void Add(const NamedProfile& named, Findings findings = {});

  // After the last one, with any of those that were added, whose place the pool's profile takes. The peak is the sum of all
  // peaks, which were at different times, and the time that of all times; there is no timeline.
  NamedProfile Finish(Profile any);

  const std::vector<PooledProcess>& processes() const { return processes_; }
  const Unseen& unseen() const { return unseen_; }
  const AgentCost& cost() const { return cost_; }
  // After Finish.
  const Findings& findings() const { return findings_; }
  uint64_t findings_left_out() const { return merged_findings_.left_out(); }

 private:
  void AddFacts(const Profile& profile);
  void AddHeap(const HeapProfile& heap, StackNames* names);
  void AddLocks(const LockProfile& locks, StackNames* names);
  void AddOrders(const NamedProfile& named);
  uint64_t AddressOf(uint64_t address, const NamedProfile& named);
  void AddDeadlocks(const LockProfile& locks, const std::vector<LockId>& ids, StackNames* names);
  std::vector<uint32_t> KeyOf(StackId stack, StackNames* names);
  StackId Remake(StackId stack, StackNames* names);
  uint64_t Remake(uint64_t pc, StackNames* names);
  Lock Remake(const Lock& lock, StackNames* names);
  LockId Add(const Lock& lock, StackNames* names);

  const Process no_process_;
  Symbolizer no_symbols_{{}};
  StackNames names_{no_process_, &no_symbols_};
  MergedFindings merged_findings_{&names_};
  Findings findings_;
  std::optional<Profile> profile_;
  HeapProfile heap_;
  LockProfile locks_;
  std::vector<PooledProcess> processes_;
  Unseen unseen_;
  AgentCost cost_;
  std::vector<LossCount> losses_;
  std::vector<Damage> damage_;
  uint64_t duration_ns_ = 0;
  bool is_sampled_ = false;
  bool is_heap_enabled_ = false;
  bool are_locks_enabled_ = false;
  absl::flat_hash_map<std::string, uint32_t> function_at_;
  // By functions, kind of call and suppression.
  absl::flat_hash_map<std::tuple<std::vector<uint32_t>, HeapApi, const char*>, size_t> site_at_;
  absl::flat_hash_map<std::pair<std::string, LockKind>, LockId> lock_at_;
  // Of locks of which no more is known.
  absl::flat_hash_map<std::string, uint64_t> address_of_;
  // By addresses and stacks.
  absl::flat_hash_map<std::vector<std::tuple<uint64_t, uint64_t, StackId>>, size_t> cycle_at_;
};

}  // namespace perfagent
