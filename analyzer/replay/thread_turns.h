// thread_turns.h: which thread is the how manieth of a stream, and its name.
//
// Threads: built by one thread, then only read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/dump/segment_reader.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/process.h"

namespace perfagent {

using NameId = Id<struct NameSort>;

class ThreadTurns {
 public:
  ThreadTurns(const SegmentIndex& index, const Process& process);

  // Of the thread that took the stream over as the `turn`th, from 1 on (Owner::turn). Threads that are not known have one
  // name, too: "".
  NameId NameOf(StreamId stream, uint64_t turn) const;
  const std::string& Text(NameId name) const { return texts_[name.value()]; }

 private:
  NameId IdOf(const std::string& text);

  std::vector<std::vector<NameId>> names_;  // by StreamId, then by turn
  std::vector<std::string> texts_;
  absl::flat_hash_map<std::string, NameId> ids_;
};

}  // namespace perfagent
