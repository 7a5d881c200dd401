// shared_mapping.h: which file is mapped, for all to share, at an address?
//
// Reads /proc/self/maps: a descriptor is open meanwhile, and closed before this returns.
//
// Threads: any. Signals: under an AgentScope. No allocation.
#pragma once

#include <cstdint>

namespace perfagent {

struct Stream;

namespace shared_mapping {

struct Place {
  uint64_t device;  // as stat has it
  uint64_t inode;
  uint64_t offset;  // of the address in the file
};

// Its path is then in stream->path, with "(deleted)" behind it where the file has no name any more. False: nothing shared is
// there, or it cannot be found out.
bool Find(uint64_t address, Stream* stream, Place* out);

// In a forked child, before the guest goes on: another thread's descriptor was copied, and would stay open.
void CloseInChild();

}  // namespace shared_mapping

}  // namespace perfagent
