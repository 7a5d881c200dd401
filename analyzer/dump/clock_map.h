// clock_map.h: a dump's clock ticks in nanoseconds of CLOCK_MONOTONIC since the start.
//
// Between two readings of the clocks the time is interpolated, behind the last one it runs on at the last good rate. The
// header's two readings say the rate to some parts in 10,000; it is what others are judged by, and all there is where the
// process died in its first second.
//
// Invariant: never backwards, whatever the readings say: equal, decreasing and absurd ones are left out. Too large is
//            UINT64_MAX.
//
// A rate is a fixed-point number of ns per tick, rounded down: so no piece reaches past the beginning of the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "perfagent/dump_format.h"
#include "perfagent/event_codec.h"

namespace perfagent {

class ClockMap {
 public:
  // A tick is a nanosecond.
  ClockMap() : ClockMap(1.0) {}
  // `readings` in any order.
  ClockMap(const HeaderPage& header, std::span<const ClockRecord> readings);

  // Times that lie near to each other are asked for one after the other: `hint` is the piece of the last one.
  uint64_t NsAt(uint64_t ticks, size_t* hint) const {
    if (*hint >= pieces_.size() || !pieces_[*hint].Contains(ticks)) [[unlikely]]
      *hint = PieceOf(ticks);
    return pieces_[*hint].NsAt(ticks);
  }
  uint64_t NsAt(uint64_t ticks) const { return pieces_[PieceOf(ticks)].NsAt(ticks); }

  // A record's times and durations, in place.
  void Convert(Record* record, size_t* hint) const {
    // Nearly all records are of these.
    if (auto* alloc = std::get_if<AllocRecord>(record)) {
      alloc->time = NsAt(alloc->time, hint);
    } else if (auto* free = std::get_if<FreeRecord>(record)) {
      free->time = NsAt(free->time, hint);
    } else {
      ConvertAny(record, hint);
    }
  }

  // What was summed up over the whole run: at the rate of the whole run.
  uint64_t SumNs(uint64_t ticks) const;
  double TicksPerSecond() const;

 private:
  using Rate = unsigned __int128;  // ns per tick, times 2^48
  static constexpr unsigned kRateBits = 48;

  // A straight piece of the map.
  struct Piece {
    uint64_t begin_ticks;
    uint64_t length_ticks;
    uint64_t begin_ns;
    uint64_t rate;

    bool Contains(uint64_t ticks) const { return ticks - begin_ticks < length_ticks; }
    uint64_t NsAt(uint64_t ticks) const {
      const unsigned __int128 ns =
          begin_ns + (static_cast<unsigned __int128>(ticks - begin_ticks) * rate >> kRateBits);
      return ns > UINT64_MAX ? UINT64_MAX : static_cast<uint64_t>(ns);
    }
  };
  struct Point {
    uint64_t ticks;
    uint64_t ns;
  };

  void ConvertAny(Record* record, size_t* hint) const;
  explicit ClockMap(double ns_per_tick);
  static uint64_t FixedRate(double ns_per_tick);
  void AddPieces(std::span<const Point> points);
  // Of pieces that run about as fast as the header says: the last one's, and that of all together.
  void FindRates(std::span<const Point> points);
  size_t PieceOf(uint64_t ticks) const;

  std::vector<Piece> pieces_;  // by time, from 0 on and without gaps; never empty
  double header_rate_;         // ns per tick, as are these:
  double last_rate_;
  double mean_rate_;
};

}  // namespace perfagent
