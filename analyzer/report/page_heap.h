// page_heap.h: what of the heap only the page has, and which sites it leaves out.
//
// A page is read by a browser, so it has as many sites as are worth looking at; the rest are one sum.
//
// In `heap`, beside what the report has:
//
//   pruned     {"sites", the fields of a site's sums, "history"}: sites that are left out, all together; and in "stacks" by the
//              outer part of their stacks that other sites have, too: [{"stack", "sites", the fields of a site's sums}]
//   calls      in each of the equal ticks of the recording, the last one shorter
//   handovers  [{"maker", "freer", "blocks"}]: threads' names, most blocks first; `handovers_pruned` has the rest's blocks
//
// and in a site `place`, the frame that a reader would call it by (null where nothing is known of its stack), and `history`: {"calls", "bytes", "temporary",
// "live_bytes", "leaked_bytes"}, one number for each slot (site_history.h): what is live at its end, and what was made in it and is leaked; null where nothing is known of time.
#pragma once

#include <vector>

#include "analyzer/report/json_writer.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

struct PageSites {
  std::vector<const HeapSite*> kept;
  std::vector<const HeapSite*> pruned;
};

// So many at most with the greatest part of any of the totals, in the given order.
PageSites SitesOfPage(const HeapProfile& heap, std::vector<const HeapSite*> sites, size_t most);

// Fields of the object that is being written. REQUIRES: the sites that are kept were written.
void WritePageHeap(JsonWriter* json, const NamedProfile& named, const PageSites& sites);
void WritePageSite(JsonWriter* json, const NamedProfile& named, const HeapSite& site);

}  // namespace perfagent
