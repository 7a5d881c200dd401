// segment_reader.h: the segments of a dump, checked, and the records in them.
//
// A dump is read twice. IndexSegments reads every segment once, verifies it, decodes it to its end
// or to the damage, and remembers how far it can be trusted. Where a sealed segment says where its definitions
// are, its events may be left to the second reading (Reading::kDefinitions). A StreamCursor later decodes the
// trusted bytes of one stream again, one segment at a time, so that memory does not grow with the
// file. A live file may have grown meanwhile; what was not indexed is not read.
//
// What can be trusted: a sealed segment whose checksum holds; of an unsealed one, or of one that
// the end of the file cuts, the records before the first that cannot be decoded.
//
// Indexing looks at the segments' headers first, in file order. Then each stream's segments are read in
// the order of their sequence, as parts of a few dozen segments that need nothing of one another and are
// read side by side. What comes of it does not depend on who read which part when.
//
// Times are ticks while a dump is indexed, because the readings that say what a tick is worth may stand
// in its last segment. From then on (SegmentIndex::clock) they are nanoseconds since the start: records
// that a cursor reads, the first times of segments, and waits in lock tables.
//
// Threads: a cursor belongs to one thread; cursors of one file may run in several.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analyzer/dump/clock_map.h"
#include "analyzer/dump/damage.h"
#include "analyzer/dump/dump_file.h"
#include "analyzer/model/ids.h"
#include "analyzer/parallel/workers.h"
#include "perfagent/dump_format.h"
#include "perfagent/event_codec.h"

namespace perfagent {

struct Segment {
  uint64_t offset = 0;  // of the SegmentHeader in the file
  SegmentKind kind = SegmentKind::kEvents;
  uint32_t stream = 0;
  uint32_t sequence = 0;
  uint32_t bytes = 0;  // of whole records that can be trusted
  bool sealed = false;
  uint64_t acquisitions = 0;
  uint64_t agent_ticks = 0;
  uint64_t lookups = 0;
  uint64_t whole_walk_frames = 0;
  uint64_t first_time_ns = 0;  // of the first record that has a time
};

// Event segments of one stream in the order in which they were written.
struct Stream {
  uint32_t number = 0;  // in the dump
  std::vector<Segment> segments;
};

// An OngoingWait as it is read.
struct OngoingEntry {
  uint64_t lock;
  uint64_t begin_ns;
  uint64_t caller;  // return address into the function that called the lock function
  uint64_t stack;   // in the dump; 0: not taken
  uint64_t thread;  // its id
  uint64_t owner;   // thread id of who held the lock when the wait began; 0: not known
  LockApi api;
  uint8_t reserved0[7];
  uint64_t reserved1;
};
static_assert(sizeof(OngoingEntry) == sizeof(OngoingWait));
static_assert(offsetof(OngoingEntry, api) == offsetof(OngoingWait, api));

struct RecordCount {
  uint64_t records = 0;
  uint64_t bytes = 0;
};
// By alternative of Record.
using RecordCounts = std::array<RecordCount, std::variant_size_v<Record>>;

struct SegmentIndex {
  ClockMap clock;
  std::vector<Stream> streams;  // indexed by StreamId
  std::vector<Segment> lock_tables;
  std::vector<OngoingEntry> ongoing;  // waits that had not ended, by stream
  RecordCounts records = {};          // those that were decoded
  uint64_t event_segments = 0;
  uint64_t claimed_segments = 0;
  uint64_t empty_segments = 0;  // claimed, never made present
  uint64_t event_bytes = 0;     // of records
  uint64_t agent_ticks = 0;     // in the agent's slow paths
  uint64_t lookups = 0;         // frees looked up in vain
  uint64_t whole_walk_frames = 0;
  uint64_t last_time_ns = 0;  // of the latest record
};

// Collects what the records of one part define: all but heap and lock events. Their times are ticks, and
// views in them are valid during the call only.
class DefinitionSink {
 public:
  virtual ~DefinitionSink() = default;
  virtual void OnDefinition(const Segment& segment, const Record& record) = 0;
};
// The sinks for so many parts: that of a part is called in the order of its records, while others may be called
// in other threads. Parts are in the order of streams and sequence.
using MakeSinks = absl::FunctionRef<std::vector<DefinitionSink*>(size_t parts)>;
using ProgressHandler = absl::FunctionRef<void(uint64_t bytes_done)>;

enum class Reading {
  kEverything,
  kDefinitions,  // events only where they must be; where not, a segment is trusted for its checksum
};

// Reads what is wanted of all that can be trusted, and calls `damaged` for everything that cannot, in file order.
SegmentIndex IndexSegments(const DumpFile& file, Reading reading, Workers* workers,
                           MakeSinks make_sinks, DamageHandler damaged, ProgressHandler progress);

// A LockTableSlot as it is read.
struct LockTableEntry {
  uint64_t lock;
  uint64_t caller;  // return address into the function that called the lock function
  uint64_t contended;
  uint64_t wait_ns;
  uint64_t longest_wait_ns;
  uint64_t released;  // while others waited
  uint64_t refused;   // tries
  uint32_t thread;    // its id
  LockApi api;
  uint8_t reserved0[3];
};
static_assert(sizeof(LockTableEntry) == sizeof(LockTableSlot));
static_assert(offsetof(LockTableEntry, api) == offsetof(LockTableSlot, api));

// The slots of a lock table that are in use, by functions that there are. Empty when the file has lost them since.
std::vector<LockTableEntry> ReadLockTable(const DumpFile& file, const ClockMap& clock,
                                          const Segment& segment);

// Half a megabyte, of which a short stream touches little.
struct FreeMemory {
  void operator()(void* memory) const { free(memory); }
};
using DecoderStatePtr = std::unique_ptr<DecoderState, FreeMemory>;
inline DecoderStatePtr MakeDecoderState() {
  return DecoderStatePtr(static_cast<DecoderState*>(calloc(1, sizeof(DecoderState))));
}

// The records of one stream in order. Holds one segment in memory from the first Next to the last.
class StreamCursor {
 public:
  StreamCursor(const DumpFile& file, const ClockMap& clock, const Stream& stream)
      : file_(&file), clock_(&clock), stream_(&stream) {}

  // False at the end of the stream. `record` is valid until the next call.
  bool Next(Record* record) {
    while (!decoder_ || !decoder_->Next(record)) {
      if (!LoadSegment()) return false;
    }
    clock_->Convert(record, &clock_piece_);
    return true;
  }
  // The next record, if it is a compact allocation or free of the segment that Next has entered. False: Next says more.
  bool NextCompact(CompactEvent* event) {
    if (!decoder_ || !decoder_->NextCompact(event)) return false;
    event->time = clock_->NsAt(event->time, &clock_piece_);
    return true;
  }
  // Segments that Next has entered.
  size_t segments_begun() const { return next_segment_; }
  // What of the segments before could not be decoded, although their checksums hold.
  const std::vector<Damage>& damage() const { return damage_; }

 private:
  void NoteDamage();
  // The next one. False at the end of the stream.
  bool LoadSegment();

  const DumpFile* file_;
  const ClockMap* clock_;
  const Stream* stream_;
  size_t next_segment_ = 0;
  size_t clock_piece_ = 0;
  std::vector<Damage> damage_;
  std::unique_ptr<uint8_t[]> buffer_;
  DecoderStatePtr state_;
  std::optional<Decoder> decoder_;
};

// Heap and lock events, and what is measured beside them; all others define something.
constexpr bool IsEventKind(size_t kind) {
  return kind >= Record(AllocRecord{}).index() && kind <= Record(PeakResidentRecord{}).index();
}
inline bool IsEvent(const Record& record) { return IsEventKind(record.index()); }

// The record's time; nullopt for records that have none.
inline std::optional<uint64_t> TimeOf(const Record& record) {
  // Nearly all records are of these.
  if (const auto* alloc = std::get_if<AllocRecord>(&record)) return alloc->time;
  if (const auto* free = std::get_if<FreeRecord>(&record)) return free->time;
  if (const auto* realloc = std::get_if<ReallocRecord>(&record)) return realloc->time;
  return std::visit(
      [](const auto& r) -> std::optional<uint64_t> {
        using R = std::decay_t<decltype(r)>;
        if constexpr (!kHasTime<R>) {
          return std::nullopt;
        } else {
          return r.time;
        }
      },
      record);
}

}  // namespace perfagent
