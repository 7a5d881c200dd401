// heap_findings.h: the rules about the heap, one file each.
//
// A rule adds a finding for each site that its evidence convicts, the worst first. Rules that explain sites come before
// those that judge by what follows from it.
#pragma once

#include "analyzer/findings/heap_case.h"

namespace perfagent {

// What takes time.

// The same thing is built again and again: regular expressions, locales.
void FindRepeatedConstruction(HeapCase* heap, Findings* findings);
// Large blocks are copied by realloc.
void FindLargeReallocs(HeapCase* heap, Findings* findings);
// Arrays grow step by step.
void FindGrowthChains(HeapCase* heap, Findings* findings);
// Made in one thread, freed in another.
void FindCrossThreadFrees(HeapCase* heap, Findings* findings);
// Freed before anything else is allocated.
void FindTemporaries(HeapCase* heap, Findings* findings);
// Blocks of one size that live for a moment.
void FindPools(HeapCase* heap, Findings* findings);
// Moments in which far more is allocated than usually.
void FindChurnBursts(HeapCase* heap, Findings* findings);
// Small blocks of different threads in one cache line.
void FindHeapFalseSharing(HeapCase* heap, Findings* findings);

// Threads wait for one another inside the allocator.
void FindAllocatorContention(HeapCase* heap, Findings* findings);
// The allocator's own calls take long.
void FindAllocatorLatency(HeapCase* heap, Findings* findings);

// What takes memory.

// What grows: leaks, caches, and what has stopped growing.
void FindGrowth(HeapCase* heap, Findings* findings);
// The allocator takes much more than tiny blocks need.
void FindSmallBlocks(HeapCase* heap, Findings* findings);
// Sizes that fall badly between the allocator's classes.
void FindSlack(HeapCase* heap, Findings* findings);

// All of these, as far as the report shows them.
Findings FindHeapProblems(const NamedProfile& named, const Sections& sections,
                          std::optional<uint64_t> memory_limit);

}  // namespace perfagent
