// growth.cc: memory that grows, and whether it is a leak, a cache, or has stopped growing.
//
//   live bytes                              ____ plateau
//      of a site            _______________/
//                      ____/                      leak: grows to the end, and what is old stays
//                 ____/                           cache: grows to the end, and what is old is freed, too
//            ____/                                   (or all is freed at the end of the program)
//      |start|------------- watched -------|end|
//
// The beginning and the end of the recording are left out: what is made at the start stays, and what is freed at the end
// was not given up before. What is freed only then was no leak, though: the program knew of it. Whether anything still points to the blocks is not known, and not said.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "absl/strings/str_cat.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/model/resident.h"
#include "analyzer/model/survival.h"
#include "analyzer/report/format.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// Of what was live before the end: what is freed in it was kept for as long as the program ran.
constexpr double kFreedAtEnd = 0.5;
// What is shorter is all start.
constexpr double kLeastNs = 1e9;
// Short recordings are mostly warm-up, and say little of an hour.
constexpr double kShortNs = 60e9;
constexpr double kLongNs = 600e9;
constexpr double kHourNs = 3600e9;
// Of the recording: blocks of that age are old, and those that live for that long were watched for long.
constexpr double kOldShare = 1.0 / 8;
constexpr double kVeryOldShare = 1.0 / 2;
// Of the old blocks: so many become very old where nothing frees them; a few are freed by other paths.
constexpr double kStays = 0.9;
// Growth that slows down this much is coming to its end.
constexpr double kStillGrows = 0.25;
// Of what is live at the end: what grew less was there before, and what moves less stands still.
constexpr double kHasGrown = 0.3;
constexpr double kStandsStill = 0.05;

// The mean of a few values and half of its 95 % interval.
struct Mean {
  double value;
  double half_width;
  bool IsPositive() const { return value > half_width; }
};
Mean MeanOf(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, StudentQuantile95(count - 1) * std::sqrt(squares / (count - 1) / count)};
}

// How a site's live bytes went, from slot to slot. The steps of what leaks are independent, and those of what stays vary
// around 0; so the interval of their mean is that of the rate, and rather too wide for what is merely noise around a level.
class Course {
 public:
  explicit Course(const SiteHistory& history) {
    const std::array<double, kSlots> live = history.live_bytes();
    for (size_t i = kStartSlots; i < kFirstSlotOfEnd; ++i) {
      levels_.push_back(live[i]);
      if (i > kStartSlots) steps_.push_back(live[i] - live[i - 1]);
    }
  }

  double growth() const { return levels_.back() - levels_.front(); }
  static double GrowthOf(const SiteHistory& history) {
    return history.LiveAfter(kFirstSlotOfEnd - 1) - history.LiveAfter(kStartSlots);
  }
  double last() const { return levels_.back(); }
  Mean PerSlot() const { return MeanOf(steps_); }
  bool GrowsToTheEnd() const {
    const Mean late = MeanOf(std::span(steps_).last(steps_.size() / 2));
    return PerSlot().IsPositive() && late.IsPositive() &&
           late.value >= kStillGrows * PerSlot().value;
  }
  bool HasStopped() const {
    const auto late = std::span(levels_).last(levels_.size() / 3);
    const auto [least, most] = std::minmax_element(late.begin(), late.end());
    return growth() >= kHasGrown * last() && *most - *least <= kStandsStill * last();
  }

 private:
  std::vector<double> levels_;
  std::vector<double> steps_;
};

struct Ages {
  double old_ns;     // an age of which the count is known
  double old;        // blocks that reached it
  double surviving;  // the part of them that became very old
};
Ages AgesOf(const HeapCase& heap, const HeapSite& site) {
  BlockAges ended{site.lifetimes.counts()};
  for (size_t i = 0; i < kAgeBuckets; ++i)
    ended.counts[i] = std::max(ended.counts[i] - site.evidence.ended_later->counts[i], 0.0);
  const size_t bucket = LifetimeBucket(static_cast<uint64_t>(kOldShare * heap.duration_ns()));
  const double old_ns = LeastLifetimeNs(bucket);
  const Survival survival(ended, *site.evidence.live_then);
  return {old_ns, survival.AtRisk(bucket), survival.Of(old_ns, kVeryOldShare * heap.duration_ns())};
}

class GrowthRule {
 public:
  GrowthRule(HeapCase* heap, Findings* findings) : heap_(heap), findings_(findings) {}

  void Run() {
    if (heap_->duration_ns() < kLeastNs) return;
    const auto grown = [](const HeapSite& site) {
      return site.suppressed_by == nullptr ? Course::GrowthOf(site.evidence.history) : 0;
    };
    size_t found = 0;
    for (const HeapSite* site : heap_->Sites(grown)) {
      const Course course(site->evidence.history);
      const bool is_worth =
          course.growth() >= kWorthBytes && course.growth() >= kWorthMemory * heap_->peak_bytes();
      if (!is_worth || found == kMostOfARule) return;
      found += Judge(*site, course);
    }
  }

 private:
  bool Judge(const HeapSite& site, const Course& course) {
    if (course.GrowsToTheEnd()) {
      AddGrowing(site, course);
    } else if (course.HasStopped()) {
      AddPlateau(site, course);
    } else {
      return false;
    }
    heap_->Explain(site);
    return true;
  }

  void AddGrowing(const HeapSite& site, const Course& course) {
    const Ages ages = AgesOf(*heap_, site);
    const bool is_freed_at_end = site.metrics.live_bytes.value() < kFreedAtEnd * course.last();
    const bool stays = ages.surviving >= kStays && !is_freed_at_end;
    Finding finding = heap_->Accuse(site, stays ? "leak" : "cache");
    finding.title = absl::StrCat("memory grows by ", RatePerHour(course), " an hour, ",
                                 is_freed_at_end ? "and is freed only when the program ends"
                                 : stays         ? "and what is old stays"
                                                 : "though what is old is freed");
    finding.evidence = {GrowthText(course), SurvivalText(ages), LiveText(site),
                        TimeLeftText(course)};
    finding.gains.growth_bytes_per_hour = PerHour(course);
    finding.gain = absl::StrCat("the growth of ", RatePerHour(course), " an hour ends");
    finding.remedy = stays ? "free these blocks when they are done with, or give the collection "
                             "that keeps them a limit"
                           : "give the cache a limit of bytes, or let entries end sooner";
    finding.confidence = heap_->Trust(site, ConfidenceOf(stays));
    finding.stake = course.growth() / heap_->peak_bytes();
    finding.stake_in = StakeIn::kMemory;
    findings_->push_back(std::move(finding));
  }

  void AddPlateau(const HeapSite& site, const Course& course) {
    Finding finding = heap_->Accuse(site, "plateau");
    finding.title =
        absl::StrCat("memory grew to ", FormatBytes(course.last()), " and stays there: no leak");
    finding.evidence = {
        MoreLive(course),
        absl::StrCat("in the last third it moved by less than ", FormatShare(kStandsStill, 1)),
        LiveText(site)};
    finding.gain = absl::StrCat("at most ", FormatBytes(course.last()), ", if less would do");
    finding.remedy = "nothing, if so much is meant to be kept; else lower its limit";
    finding.confidence = heap_->Trust(site, ConfidenceOf(false));
    // It costs what it was given.
    constexpr double kNoHarm = 0.1;
    finding.stake = kNoHarm * course.last() / heap_->peak_bytes();
    finding.stake_in = StakeIn::kMemory;
    findings_->push_back(std::move(finding));
  }

  // A leak of a long recording is as sure as can be; what a cache is may change when it is full.
  Confidence ConfidenceOf(bool is_leak) const {
    if (heap_->duration_ns() < kShortNs) return Confidence::kLow;
    return is_leak && heap_->duration_ns() >= kLongNs ? Confidence::kHigh : Confidence::kMedium;
  }

  double SlotNs() const { return heap_->duration_ns() / static_cast<double>(kSlots); }

  Estimate PerHour(const Course& course) const {
    const Mean step = course.PerSlot();
    const double per_hour = kHourNs / SlotNs();
    return {step.value * per_hour, std::max(step.value - step.half_width, 0.0) * per_hour,
            (step.value + step.half_width) * per_hour};
  }
  std::string RatePerHour(const Course& course) const { return FormatBytes(PerHour(course).value); }
  std::string MoreLive(const Course& course) const {
    return absl::StrCat(FormatBytes(course.growth()), " more live between ",
                        FormatDuration(SlotNs() * (kStartSlots + 1)), " and ",
                        FormatDuration(SlotNs() * kFirstSlotOfEnd));
  }
  std::string GrowthText(const Course& course) const {
    const Estimate per_hour = PerHour(course);
    return absl::StrCat(MoreLive(course), ": ", FormatBytes(per_hour.low), " to ",
                        FormatBytes(per_hour.high), " an hour (95 %)");
  }
  std::string SurvivalText(const Ages& ages) const {
    return absl::StrCat("of ", FormatCount(ages.old), " blocks that lived for ",
                        FormatDuration(ages.old_ns), ", ", FormatShare(ages.surviving, 1),
                        " would live for ", FormatDuration(kVeryOldShare * heap_->duration_ns()),
                        " and more (Kaplan-Meier)");
  }
  static std::string LiveText(const HeapSite& site) {
    return absl::StrCat("at the end ", Size(site.metrics.live_bytes), " in ",
                        Count(site.metrics.live_blocks), " blocks are live");
  }
  // What the process takes now: the heap's live bytes, where the kernel was not asked.
  double TakenNow() const {
    const std::optional<Resident> resident = ResidentAtEnd(heap_->heap());
    return resident ? resident->total : heap_->heap().total.live_bytes.value();
  }
  std::string TimeLeftText(const Course& course) const {
    const std::optional<uint64_t> limit = heap_->memory_limit();
    const double goal = limit ? static_cast<double>(*limit) : 2 * heap_->peak_bytes();
    const double missing = limit ? std::max(goal - TakenNow(), 0.0) : heap_->peak_bytes();
    const Mean step = course.PerSlot();
    const auto left = [&](double bytes_per_slot) {
      return FormatDuration(missing / bytes_per_slot * SlotNs());
    };
    return absl::StrCat("at this rate ",
                        limit ? "the process takes its limit, " : "the heap takes twice its peak, ",
                        FormatBytes(goal), ", in ", left(step.value), ", between ",
                        left(step.value + step.half_width), " and ",
                        left(step.value - step.half_width), " (95 %)");
  }

  HeapCase* heap_;
  Findings* findings_;
};

}  // namespace

void FindGrowth(HeapCase* heap, Findings* findings) { GrowthRule(heap, findings).Run(); }

}  // namespace perfagent
