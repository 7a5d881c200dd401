// liveness.h: is the process that writes a dump still running?
#pragma once

#include "analyzer/dump/dump_file.h"

namespace perfagent {

// True when the dump is open, this is the host it was recorded on, the process of its pid is the
// one that it was (start ticks), and that process still maps the file: an exec or a restored
// snapshot of the disk leaves a dump that nobody writes any more.
bool IsBeingWritten(const DumpFile& file);

// CLOCK_MONOTONIC on this host, in ns.
uint64_t MonotonicNow();

}  // namespace perfagent
