#include "analyzer/dump/clock_map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <variant>

namespace perfagent {
namespace {

constexpr uint64_t kForEver = std::numeric_limits<uint64_t>::max();

uint64_t SaturatingAdd(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kForEver : sum;
}

// 0.1 MHz to 100 GHz: anything else is no clock.
bool IsPlausible(double ns_per_tick) { return ns_per_tick > 0.01 && ns_per_tick < 10'000; }

// By the header's two readings; 1 where these cannot be right.
double HeaderRate(const HeaderPage& header) {
  if (header.clock != Clock::kTsc || header.calibration_ticks <= header.start_ticks ||
      header.calibration_monotonic_ns <= header.start_monotonic_ns) {
    return 1;
  }
  const double rate =
      static_cast<double>(header.calibration_monotonic_ns - header.start_monotonic_ns) /
      static_cast<double>(header.calibration_ticks - header.start_ticks);
  return IsPlausible(rate) ? rate : 1;
}

// A duration is the way from one time to another.
uint64_t DurationNs(const ClockMap& clock, uint64_t begin_ticks, uint64_t duration,
                    uint64_t begin_ns, size_t hint) {
  return clock.NsAt(SaturatingAdd(begin_ticks, duration), &hint) - begin_ns;
}

}  // namespace

ClockMap::ClockMap(double ns_per_tick)
    : header_rate_(ns_per_tick), last_rate_(ns_per_tick), mean_rate_(ns_per_tick) {
  AddPieces({{{0, 0}}});
}

ClockMap::ClockMap(const HeaderPage& header, std::span<const ClockRecord> readings)
    : header_rate_(HeaderRate(header)), last_rate_(header_rate_), mean_rate_(header_rate_) {
  std::vector<Point> found;
  for (const ClockRecord& reading : readings) {
    if (header.clock != Clock::kTsc || reading.monotonic_ns < header.start_monotonic_ns) continue;
    found.push_back({reading.time, reading.monotonic_ns - header.start_monotonic_ns});
  }
  std::sort(found.begin(), found.end(),
            [](const Point& a, const Point& b) { return a.ticks < b.ticks; });
  std::vector<Point> points = {{0, 0}};
  for (const Point& point : found) {
    // A machine that slept counts ticks and no time; time without ticks does not exist, but for the width of a reading.
    constexpr double kReadingNs = 1000;
    const Point& last = points.back();
    if (point.ticks <= last.ticks || point.ns < last.ns) continue;
    const double most = 2 * header_rate_ * static_cast<double>(point.ticks - last.ticks);
    if (static_cast<double>(point.ns - last.ns) <= most + kReadingNs) points.push_back(point);
  }
  FindRates(points);
  AddPieces(points);
}

void ClockMap::FindRates(std::span<const Point> points) {
  // Shorter ones are as wrong as their two readings: by some parts in 100,000.
  constexpr double kLeastNs = 10'000'000;
  // The header's readings lie near to each other; NTP turns the clock's rate by up to 0.05 %.
  constexpr double kNear = 0.005;
  double ticks = 0;
  double ns = 0;
  for (size_t i = 1; i < points.size(); ++i) {
    const double piece_ticks = static_cast<double>(points[i].ticks - points[i - 1].ticks);
    const double piece_ns = static_cast<double>(points[i].ns - points[i - 1].ns);
    const double rate = piece_ns / piece_ticks;
    if (piece_ns < kLeastNs || std::fabs(rate / header_rate_ - 1) > kNear) continue;
    last_rate_ = rate;
    ticks += piece_ticks;
    ns += piece_ns;
  }
  if (ticks > 0) mean_rate_ = ns / ticks;
}

void ClockMap::AddPieces(std::span<const Point> points) {
  for (size_t i = 0; i + 1 < points.size(); ++i) {
    const Point& begin = points[i];
    const uint64_t length = points[i + 1].ticks - begin.ticks;
    // No more than twice a plausible rate, and the slack of one reading: less than 2^16.
    const Rate rate = (static_cast<Rate>(points[i + 1].ns - begin.ns) << kRateBits) / length;
    pieces_.push_back({begin.ticks, length, begin.ns, static_cast<uint64_t>(rate)});
  }
  const Point& last = points.back();
  pieces_.push_back({last.ticks, kForEver - last.ticks, last.ns, FixedRate(last_rate_)});
}

uint64_t ClockMap::FixedRate(double ns_per_tick) {
  return static_cast<uint64_t>(ns_per_tick * static_cast<double>(uint64_t{1} << kRateBits));
}

size_t ClockMap::PieceOf(uint64_t ticks) const {
  const auto after = std::upper_bound(
      pieces_.begin(), pieces_.end(), ticks,
      [](uint64_t value, const Piece& piece) { return value < piece.begin_ticks; });
  return static_cast<size_t>(after - pieces_.begin()) - 1;
}

void ClockMap::ConvertAny(Record* record, size_t* hint) const {
  std::visit(
      [&](auto& r) {
        using R = std::decay_t<decltype(r)>;
        if constexpr (kHasTime<R>) {
          const uint64_t ticks = r.time;
          r.time = NsAt(ticks, hint);
          if constexpr (std::is_same_v<R, ReallocRecord> ||
                        std::is_same_v<R, AllocatorCallRecord>) {
            r.duration = DurationNs(*this, ticks, r.duration, r.time, *hint);
          } else if constexpr (std::is_same_v<R, LockWaitRecord>) {
            r.wait = DurationNs(*this, ticks, r.wait, r.time, *hint);
            r.interval = SumNs(r.interval);
            for (WaitCut& cut : std::span(r.cuts, r.count)) {
              cut.after = DurationNs(*this, ticks, cut.after, r.time, *hint);
            }
          } else if constexpr (std::is_same_v<R, LockSectionRecord>) {
            r.hold = DurationNs(*this, ticks, r.hold, r.time, *hint);
            for (uint64_t* sum : {&r.wait, &r.allocator, &r.waited, &r.idle}) *sum = SumNs(*sum);
            if ((r.flags & kSectionContended) != 0) r.interval = SumNs(r.interval);
          }
        }
      },
      *record);
}

uint64_t ClockMap::SumNs(uint64_t ticks) const {
  return Piece{0, kForEver, 0, FixedRate(mean_rate_)}.NsAt(ticks);
}

double ClockMap::TicksPerSecond() const { return 1e9 / mean_rate_; }

}  // namespace perfagent
