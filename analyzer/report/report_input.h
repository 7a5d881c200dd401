// report_input.h: what every form of the report is made from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/findings/finding.h"
#include "analyzer/model/stack_names.h"
#include "analyzer/replay/load_profile.h"
#include "analyzer/report/lock_names.h"

namespace perfagent {

struct Sections {
  bool churn = true;
  bool leaks = true;
  bool contention = true;
};

// Whose children are who calls a function, or whom it calls.
enum class TreeOf { kCallers, kCallees };

// A dump's profile and the names of its stacks.
struct NamedProfile {
  const Profile& profile;
  StackNames& names;
  const Findings* findings = nullptr;  // null: nobody looked for any
};

// A file that was asked for and could not be used.
struct UnusableInput {
  std::string path;
  std::string error;
};

class Pool;

struct ReportInput {
  std::vector<NamedProfile> profiles;
  std::vector<UnusableInput> unusable;
  const Symbolizer* symbolizer = nullptr;  // for its Problems(), complete after all was printed
  Sections sections;
  std::optional<uint64_t> limit;         // of sites or locks in a list
  std::optional<uint64_t> memory_limit;  // bytes that a process may take
  std::string view;                      // what part of the recordings this is about; empty: all
  const Pool* pool = nullptr;            // whose profile the only one is; null: each is a dump's
  std::optional<TreeOf> tree;            // beside the lists, the sites' stacks as a tree
  std::string source;  // the function whose lines are shown with their costs; empty: none
  bool all_frames =
      false;  // text: also those of the allocator and of std::, which are on top of most stacks
};

const char* Name(Ended ended);
// "exited with status 0", "killed (or replaced by exec)", "still running".
std::string HowItEnded(const ProcessFacts& facts);
const char* Name(Mode mode);

// "full until 12.3 s (the file was nearly full), sampled after that"; mostly just the name.
std::string ModeText(const ProcessFacts& facts);

// The lock at an address; where there are several, the one that was waited for longest. Null when nothing is known of it.
const Lock* LockAt(uint64_t address, const LockProfile& locks);
std::string LockNameAt(uint64_t address, const NamedProfile& named);
std::string SharedLockNameAt(uint64_t address, const NamedProfile& named);

// Those that were waited for, tried in vain or followed, by wait time, greatest first.
std::vector<const Lock*> KnownLocks(const LockProfile& locks);

// Part of the process's time in which the lock was held: of an rwlock with readers it may be more than 1. Nullopt when no
// holder was followed.
std::optional<double> Utilisation(const Lock& lock, const ProcessFacts& facts);
// Nullopt, too, where a view leaves some holders out.
std::optional<double> Utilisation(const Lock& lock, const Profile& profile);

}  // namespace perfagent
