// lock_homes.h: where the dump says that locks lie: on whose stack, in which file.
//
// An address of which it says different things was that of several locks, one after the other: then no name is better than
// one of theirs.
//
// Threads: built by one thread, then only read.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "perfagent/records.h"

namespace perfagent {

struct MappedFile {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t offset = 0;  // of the lock in it
  std::string path;

  friend bool operator<(const MappedFile& a, const MappedFile& b) {
    return std::tie(a.device, a.inode, a.offset, a.path) <
           std::tie(b.device, b.inode, b.offset, b.path);
  }
};

// What was said of one address.
struct LockHome {
  std::set<uint64_t> threads;  // on whose stacks
  std::set<uint64_t>
      frames;  // ids in the dump of stacks that end with the functions in whose frames
  std::set<MappedFile> files;
};

class LockHomes {
 public:
  void Add(const LockFrameRecord& record) {
    LockHome& home = homes_[record.lock];
    home.threads.insert(record.thread);
    if (record.stack != 0) home.frames.insert(record.stack);
  }
  void Add(const LockMappingRecord& record) {
    homes_[record.lock].files.insert(
        {record.device, record.inode, record.offset, std::string(record.path)});
  }
  void Append(LockHomes&& later) {
    for (auto& [lock, home] : later.homes_) {
      LockHome& known = homes_[lock];
      known.threads.merge(home.threads);
      known.frames.merge(home.frames);
      known.files.merge(home.files);
    }
  }

  // Null when nothing was said.
  const LockHome* Of(uint64_t lock) const {
    const auto found = homes_.find(lock);
    return found == homes_.end() ? nullptr : &found->second;
  }

 private:
  std::map<uint64_t, LockHome> homes_;
};

}  // namespace perfagent
