// json_report.h: the report for programs.
//
// Sizes are bytes and times nanoseconds. Every number that may be estimated is an object {"value",
// "low", "high"} with the 95 % interval; it is exact when the three are equal.
//
// What was recorded and then lost is in `loss`; what never could be recorded, in `unseen`, of one
// process or of all together:
//
//   heap_bypassed_by        objects whose malloc comes before the agent's: the heap is not recorded
//   objects                 loaded objects whose malloc calls pass the agent by
//   events                  allocations, frees and kept waits in the dump, of which there are
//   frames                  with so many frames together
//   truncated_stacks        with a stack that ends early
//   missing_stacks          without stack
//   unpaired_frees          of blocks whose beginning was not seen; unpaired_reallocations likewise
//   overlaps                blocks whose end was not seen: another one began at their address
//   repaired_inversions     ends that two CPUs' clocks put after that beginning, put right
//   reentered, quiet_children, sandboxed     of `loss`: the causes that lie in the program
//   paused                  recording is paused now
//   other_intervals_bytes   means between samples that came after settings.interval_bytes
//
// What the agent itself cost, of one process or of all together, is in `agent`: slow_path_ns, of cpu_ns
// CPU time (0: not known) the `share`; bytes_written; free_lookups: frees that its filter could not
// rule out, of blocks that were not tracked; whole_walk_frames: those that no rule could be compiled for, or
// in whose stack there was such a one.
//
// `view` says what part of the recordings this is about ("": all of them); heap.whole and locks.whole are then what there is
// without it, and lock figures are those of the kept waits; findings are those of the whole recording that are about what
// is in it (findings_in_view.h).
//
// `tree` (tree_report.h) and `source` (source_report.h) are there where they were asked for. Of dumps that were merged,
// processes[] have a few fields each, settings are null, locks have no address, findings are those of all processes
// (json_findings.h), and findings_left_out says how many there are beyond the first hundred of a process.
//
// A lock is named_by its "allocation", its "symbol" or its "first_wait". allocated_at is the heap block that it is in, if that
// was recorded: {"stack", "offset" of the lock, "size", "followed"}; where `followed` is false, sampling had dropped the
// block before the last event, and it may have been freed by then. Locks that were at one address one after another, in
// different blocks, are told apart by `generation` (0: in no recorded block).
//
// processes[].allocator is the object whose malloc serves the program ("" when it is not known), and
// processes[].marks what the program said of itself, by time: {"time_ns", "text"}.
#pragma once

#include "analyzer/report/output.h"
#include "analyzer/report/page_tables.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

void WriteJsonReport(const ReportInput& input, Output* output);
// In the page's form (json_values.h): what processes have is in processes[] alone, which also have `thread_list`,
// [[tid, name], ...]. Of very many, the small ones (page_processes.h) are not there: `small_processes` is what they have
// together: their `count`, their number of `findings`, and sums.
void WritePageReport(const ReportInput& input, PageTables* tables, Output* output);

}  // namespace perfagent
