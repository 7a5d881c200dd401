#include "tests/support/heaptrack.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace perfagent::test {
namespace {

// Tables of an interpreted file; all counted from 1.
struct Tables {
  struct Frame {
    std::string module;
    std::vector<std::string> functions;  // innermost first
  };
  struct Trace {
    uint64_t ip;
    uint64_t parent;
  };
  std::vector<std::string> strings = {""};
  std::vector<Frame> frames = {{}};
  std::vector<Trace> traces = {{0, 0}};

  const std::string& String(uint64_t index) const {
    static const std::string unknown = "?";
    return index == 0 || index >= strings.size() ? unknown : strings[index];
  }
};

std::vector<uint64_t> HexNumbers(const std::string& text) {
  std::vector<uint64_t> numbers;
  std::istringstream words(text);
  for (std::string word; words >> word;) numbers.push_back(std::stoull(word, nullptr, 16));
  return numbers;
}

// i ip module [function [file line (function file line)*]]
Tables::Frame ParseFrame(const Tables& tables, const std::vector<uint64_t>& fields) {
  Tables::Frame frame;
  frame.module = tables.String(fields.at(1));
  for (size_t i = 2; i < fields.size(); i += 3) frame.functions.push_back(tables.String(fields[i]));
  if (frame.functions.empty()) frame.functions.push_back("?");
  return frame;
}

HeaptrackSite ParseSite(const Tables& tables, const std::vector<uint64_t>& fields) {
  HeaptrackSite site;
  site.size = fields.at(0);
  for (uint64_t trace = fields.at(1); trace != 0; trace = tables.traces.at(trace).parent) {
    const Tables::Frame& frame = tables.frames.at(tables.traces.at(trace).ip);
    for (const std::string& function : frame.functions) {
      site.functions.push_back(function);
      site.modules.push_back(frame.module);
    }
  }
  return site;
}

void Parse(const std::string& text, HeaptrackProfile* profile) {
  Tables tables;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.size() < 2) continue;
    const std::string rest = line.substr(2);
    switch (line[0]) {
      case 's':  // length, text
        tables.strings.push_back(rest.substr(rest.find(' ') + 1));
        break;
      case 'i':
        tables.frames.push_back(ParseFrame(tables, HexNumbers(rest)));
        break;
      case 't': {
        const std::vector<uint64_t> fields = HexNumbers(rest);
        tables.traces.push_back({fields.at(0), fields.at(1)});
        break;
      }
      case 'a':
        profile->sites.push_back(ParseSite(tables, HexNumbers(rest)));
        break;
      case '+':
      case '-': {
        const bool is_free = line[0] == '-';
        const auto site = static_cast<uint32_t>(HexNumbers(rest).at(0));
        profile->events.push_back({is_free, site});
        ++(is_free ? profile->sites.at(site).frees : profile->sites.at(site).allocations);
        break;
      }
      default:
        break;
    }
  }
}

uint64_t TemporaryIn(const std::string& statistics) {
  const std::string marker = "temporary allocations:";
  const size_t at = statistics.find(marker);
  if (at == std::string::npos) throw std::runtime_error("no statistics in: " + statistics);
  return std::stoull(statistics.substr(at + marker.size()));
}

}  // namespace

bool HeaptrackSite::IsBelow(const std::string& function) const {
  return std::find(functions.begin(), functions.end(), function) != functions.end();
}

std::string HeaptrackSite::Describe() const {
  std::ostringstream text;
  text << allocations << " x " << size << " bytes, " << LiveBlocks() << " left, by";
  for (const std::string& function : functions) text << " < " << function;
  return text.str();
}

HeaptrackProfile::Totals HeaptrackProfile::Sum(const std::vector<bool>& ignored) const {
  Totals totals;
  for (const HeaptrackEvent& event : events) {
    if (ignored.at(event.site)) continue;
    const uint64_t size = sites[event.site].size;
    if (event.is_free) {
      ++totals.frees;
      totals.leaked_bytes -= size;
      --totals.leaked_blocks;
      continue;
    }
    ++totals.allocations;
    totals.bytes += size;
    totals.leaked_bytes += size;
    ++totals.leaked_blocks;
    totals.peak_bytes = std::max(totals.peak_bytes, totals.leaked_bytes);
  }
  return totals;
}

HeaptrackProfile RunHeaptrack(const std::vector<std::string>& argv, ProcessOptions options) {
  TempDir dir;
  HeaptrackProfile profile;
  std::vector<std::string> command = {"heaptrack", "-o", dir / "recording"};
  command.insert(command.end(), argv.begin(), argv.end());
  profile.process = RunProcess(command, options);
  const ProcessResult unpacked = RunProcess({"zstd", "-dc", dir / "recording.zst"});
  if (!unpacked.Succeeded()) {
    throw std::runtime_error("heaptrack: " + profile.process.Describe() + unpacked.Describe());
  }
  Parse(unpacked.out, &profile);
  profile.temporary = TemporaryIn(profile.process.err);
  return profile;
}

}  // namespace perfagent::test
