// liveness.h: is the process that writes a dump still running?
#pragma once

#include "analyzer/dump/dump_file.h"

namespace perfagent {

// True when the dump is open and a process here maps the file that has the pid it was written by, as that
// process counts (it may be in a container), and began when it did (start ticks): an exec or a restored
// snapshot of the disk leaves a dump that nobody writes any more.
bool IsBeingWritten(const DumpFile& file);

// CLOCK_MONOTONIC on this host, in ns.
uint64_t MonotonicNow();

}  // namespace perfagent
