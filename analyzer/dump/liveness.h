// liveness.h: is the process that writes a dump still running?
#pragma once

#include <cstdint>
#include <optional>

#include "analyzer/dump/dump_file.h"

namespace perfagent {

// True when the dump is open and a process here maps the file that has the pid it was written by, as that
// process counts (it may be in a container), and began when it did (start ticks): an exec or a restored
// snapshot of the disk leaves a dump that nobody writes any more.
bool IsBeingWritten(const DumpFile& file);

// Of that process.
struct RunningProcess {
  std::optional<uint64_t> resident_bytes;  // now; nullopt: it may not be asked, or has just ended
};
// Nullopt where IsBeingWritten is false.
std::optional<RunningProcess> LookAtWriter(const DumpFile& file);

// CLOCK_MONOTONIC on this host, in ns.
uint64_t MonotonicNow();

}  // namespace perfagent
