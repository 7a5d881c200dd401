#include "analyzer/report/text_memory.h"

#include <algorithm>
#include <string>

#include "analyzer/model/resident.h"
#include "analyzer/report/format.h"
#include "analyzer/report/line_writer.h"
#include "analyzer/report/text_values.h"

namespace perfagent {
namespace {

// Where less of a part than this is resident, it is not worth a word.
constexpr double kWorthAWord = 0.005;

class Writer : private LineWriter {
 public:
  Writer(const NamedProfile& named, Output* output)
      : LineWriter(output, 13), heap_(named.profile.heap) {}

  void Write() {
    for (const AllocatorCall call :
         {AllocatorCall::kAllocate, AllocatorCall::kReallocate, AllocatorCall::kFree}) {
      WriteDurations(call);
    }
    if (const std::optional<Resident> resident = ResidentAtEnd(heap_)) WriteResident(*resident);
    WritePeakResident();
  }

 private:
  void WriteDurations(AllocatorCall call) {
    const CallDurations durations = heap_.timed_calls.Of(call);
    if (durations.calls.IsEmpty()) return;
    const WeightedQuantiles& all = durations.distribution;
    Fact(Name(call), "half of the calls within ", Time(all.Quantile(0.5)), ", 99 % within ",
         Time(all.Quantile(0.99)), ", the longest seen ", Time(all.max()));
  }

  void WriteResident(const Resident& resident) {
    std::string parts;
    const auto add = [&](double bytes, const char* what) {
      if (bytes < kWorthAWord * resident.total) return;
      absl::StrAppend(&parts, parts.empty() ? "" : ", ", FormatBytes(bytes), " ", what);
    };
    add(resident.live, "live blocks");
    add(resident.rounding, "the allocator's rounding");
    add(resident.unexplained,
        "unexplained (free in the allocator, stacks, static data, the agent)");
    add(resident.file, "code and mapped files");
    add(resident.shared, "shared");
    add(resident.dump, "this recording");
    Fact("resident", FormatBytes(resident.total), " at ",
         FormatDuration(static_cast<double>(resident.time_ns)), ": ", parts);
    if (resident.untouched > kWorthAWord * resident.total)
      Fact("untouched", FormatBytes(resident.untouched), " of the live blocks is not resident");
  }

  void WritePeakResident() {
    const ResidentCourse& course = heap_.peak_resident;
    if (!course.points.empty()) {
      const uint64_t most = course.points.back().peak_bytes;
      const auto reached =
          std::find_if(course.points.begin(), course.points.end(),
                       [most](const ResidentPoint& point) { return point.peak_bytes == most; });
      Fact("peak RSS", FormatBytes(static_cast<double>(most)), ", reached by ",
           FormatDuration(static_cast<double>(reached->time_ns)), ", with this recording's pages");
    } else if (course.before_exec_bytes != 0) {
      Fact("peak RSS", "at most ", FormatBytes(static_cast<double>(course.before_exec_bytes)),
           ", which an earlier program of this process had before exec");
    }
  }

  const HeapProfile& heap_;
};

}  // namespace

void WriteMemoryText(const NamedProfile& named, Output* output) { Writer(named, output).Write(); }

}  // namespace perfagent
