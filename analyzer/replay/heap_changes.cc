#include "analyzer/replay/heap_changes.h"

#include <utility>
#include <vector>

#include "analyzer/replay/event_windows.h"
#include "analyzer/replay/handovers.h"
#include "analyzer/replay/lock_addresses.h"
#include "analyzer/replay/thread_turns.h"

namespace perfagent {
namespace {

class ChangeReplay {
 public:
  ChangeReplay(const LoadedDump& dump, const EventView& view, Workers* workers, ChangeSink* sink)
      : workers_(workers),
        sink_(sink),
        turns_(dump.index, dump.process),
        events_(dump.file, dump.index, dump.process, view),
        blocks_(dump.process, view, no_locks_, &handovers_) {
    window_.shards.resize(1);
    next_.shards.resize(1);
  }

  BlockReplay::Counts Run() {
    bool has_more = true;
    while (has_more || window_.size() > 0) {
      has_more = events_.Begin();
      const size_t fills = events_.fill_tasks();
      workers_->Run(fills + 2, [this, fills](size_t i) {
        if (i < fills) {
          events_.FillTask(i);
        } else if (i == fills) {
          events_.Merge(&next_);
        } else {
          Deliver();
        }
      });
      std::swap(window_, next_);
      next_.Clear();
    }
    changes_.Clear();
    blocks_.Begin({&changes_, 1});
    blocks_.Finish();
    sink_->OnEnd(changes_.span(), sites_);
    return blocks_.counts();
  }

 private:
  // The window's events with what each did.
  void Deliver() {
    const std::span<const HeapEvent> events = window_.shards.front().span();
    sites_.insert(sites_.end(), window_.sites.begin(), window_.sites.end());
    changes_.Clear();
    blocks_.Begin({&changes_, 1});
    blocks_.Replay(events);
    const std::span<const Change> changes = changes_.span();
    size_t at = 0;
    for (const HeapEvent& event : events) {
      const size_t first = at;
      while (at < changes.size() && changes[at].order == event.order) ++at;
      sink_->OnEvent(event, changes.subspan(first, at - first), sites_);
    }
  }

  Workers* workers_;
  ChangeSink* sink_;
  const ThreadTurns turns_;
  const LockAddresses no_locks_{{}, {}};
  Handovers handovers_{turns_};
  EventWindows events_;
  BlockReplay blocks_;
  Window window_;
  Window next_;
  std::vector<Site> sites_;  // by SiteId
  Batch<Change> changes_;    // of the window
};

}  // namespace

BlockReplay::Counts ReplayChanges(const LoadedDump& dump, const EventView& view, Workers* workers,
                                  ChangeSink* sink) {
  return ChangeReplay(dump, view, workers, sink).Run();
}

}  // namespace perfagent
