// lock_releases.h: the stacks of releases that waits were cut at.
//
// The releaser walks its stack after the release, when the waiter may have gone on: its stack is then in a record of its
// own, which is known by stream, lock and time.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <vector>

#include "analyzer/model/ids.h"

namespace perfagent {

class LockReleases {
 public:
  void Add(uint32_t stream, uint64_t lock, uint64_t time_ns, StackId stack);
  // After the last Add, before the first Find.
  void Sort();
  // kNoStack when there is no such release.
  StackId Find(uint64_t stream, uint64_t lock, uint64_t time_ns) const;

 private:
  struct Release {
    uint64_t lock;
    uint64_t time_ns;
    uint32_t stream;
    StackId stack;
  };

  std::vector<Release> releases_;
};

}  // namespace perfagent
