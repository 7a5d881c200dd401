// report_input.h: what every form of the report is made from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/model/stack_names.h"
#include "analyzer/replay/load_profile.h"
#include "analyzer/report/lock_names.h"

namespace perfagent {

struct Sections {
  bool churn = true;
  bool leaks = true;
  bool contention = true;
};

// A dump's profile and the names of its stacks.
struct NamedProfile {
  const Profile& profile;
  StackNames& names;
};

// A file that was asked for and could not be used.
struct UnusableInput {
  std::string path;
  std::string error;
};

struct ReportInput {
  std::vector<NamedProfile> profiles;
  std::vector<UnusableInput> unusable;
  const Symbolizer* symbolizer = nullptr;  // for its Problems(), complete after all was printed
  Sections sections;
  std::optional<uint64_t> limit;  // of sites or locks in a list
};

const char* Name(Ended ended);
const char* Name(Mode mode);

// "full until 12.3 s (the file was nearly full), sampled after that"; mostly just the name.
std::string ModeText(const ProcessFacts& facts);

// Of the lock at an address; where there are several, of the one that was waited for longest.
std::string LockNameAt(uint64_t address, const NamedProfile& named);

// Those that were waited for, tried in vain or followed, by wait time, greatest first.
std::vector<const Lock*> KnownLocks(const LockProfile& locks);

// Part of the process's time in which the lock was held: of an rwlock with readers it may be more than 1. Nullopt when no
// holder was followed.
std::optional<double> Utilisation(const Lock& lock, const ProcessFacts& facts);

}  // namespace perfagent
