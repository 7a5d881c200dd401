#include "analyzer/findings/heap_findings.h"

namespace perfagent {

Findings FindHeapProblems(const NamedProfile& named, const Sections& sections,
                          std::optional<uint64_t> memory_limit) {
  HeapCase heap(named, memory_limit);
  Findings findings;
  if (sections.churn || sections.contention) FindAllocatorContention(&heap, &findings);
  if (sections.churn) {
    FindRepeatedConstruction(&heap, &findings);
    FindLargeReallocs(&heap, &findings);
    FindGrowthChains(&heap, &findings);
    FindCrossThreadFrees(&heap, &findings);
    FindTemporaries(&heap, &findings);
    FindPools(&heap, &findings);
    FindChurnBursts(&heap, &findings);
    FindHeapFalseSharing(&heap, &findings);
    FindAllocatorLatency(&heap, &findings);
  }
  if (sections.leaks) {
    FindGrowth(&heap, &findings);
    FindSmallBlocks(&heap, &findings);
    FindSlack(&heap, &findings);
  }
  return findings;
}

}  // namespace perfagent
