// dump_writer.h: the mapped dump file: creation, segments, closing.
//
// The file has its final size from the start (sparse), is mapped shared and its descriptor closed at once: nothing the
// guest does to its descriptors, directory or rights touches it. Growing it later could meet RLIMIT_FSIZE and kill the
// guest with SIGXFSZ. Memory of a segment is made present with MADV_POPULATE_WRITE before it is written: a full disk is
// then an error code and not a SIGBUS.
//
// Threads: ClaimSegment and MakePresent from any thread, without locks; Open and Close from one. Signals: as threads.
// Fork:    the mapping is not inherited (MADV_DONTFORK), and Header() is null in the child until it opens its own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "perfagent/dump_format.h"

namespace perfagent::dump_writer {

// Once, before all else. False: the process cannot be recorded, and the reason went to stderr.
bool Start();

// True for the one caller of this process, of any thread, that is to call Open. A forked child is a process of its own.
bool ClaimOpening();

// Creates the dump that `config` asks for. False: nothing was left behind, and the reason went to stderr.
bool Open();

// This process's header page; null when there is none (not opened, or inherited by fork).
HeaderPage* Header();

// The file's name, for messages.
const char* Path();

// The next free segment; its memory is not present yet. Null when there is none, with `*cause` saying why.
SegmentHeader* ClaimSegment(Loss* cause);

// Segments claimed so far, and how many fit.
struct Usage {
  uint32_t segments;
  uint32_t limit;
};
Usage Used();

// Makes [begin, end) of a claimed segment writable without faults. False, with `*cause`: disk full, file system error, or
// a seccomp filter.
bool MakePresent(void* begin, void* end, Loss* cause);

// The file takes too long to write to: no room is made present for a second, the next time for two, a minute at most.
void BackOff();

// Was there no room when it was last asked for?
bool IsRefused();

// Makes some segments present that will be claimed next: what can be recorded where MakePresent may no longer ask.
void MakeReserve();

// At exit: records how the process ended and gives back the part of the file that no segment claimed.
// Segments already claimed go on being recorded into.
void Close(EndState how, int exit_status, uint64_t end_ticks);

}  // namespace perfagent::dump_writer
