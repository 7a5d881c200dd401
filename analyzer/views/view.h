// view.h: what part of the recordings a report is about, as its options say.
//
// focus and ignore are pprof's: a site (or a wait) is kept when a frame of its stack matches, or left out. hide takes
// matching frames out of the stacks that are shown. A frame matches by its function, its file or its module.
//
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "analyzer/model/pattern.h"
#include "analyzer/model/stack_names.h"
#include "analyzer/replay/load_profile.h"

namespace perfagent {

// As written on the command line; empty: not given.
struct ViewOptions {
  std::string focus = {};
  std::string ignore = {};
  std::string hide = {};
  std::string thread = {};
  std::string since = {};
  std::string until = {};
};

// Nanoseconds since the process's start, or a mark's text.
using PointInTime = std::variant<uint64_t, std::string>;

class View {
 public:
  // Nullopt when an option is wrong; *error then names it, what it is and what is wrong with it.
  static std::optional<View> Parse(const ViewOptions& options, std::string* error);

  bool IsEverything() const { return Description().empty(); }
  // "focus Parse, thread worker, since 2.5s".
  std::string Description() const;
  const std::optional<Pattern>& hide() const { return hide_; }

  // Which of a dump's events count. Nullopt when that cannot be said; *error then says why.
  std::optional<EventView> EventsOf(const LoadedDump& dump, StackNames* names,
                                    std::string* error) const;

 private:
  // By StackId; empty: all.
  std::vector<bool> Stacks(const Process& process, StackNames* names) const;
  bool HasThread(uint64_t tid, const std::string& name) const;

  ViewOptions options_;
  std::optional<Pattern> focus_;
  std::optional<Pattern> ignore_;
  std::optional<Pattern> hide_;
  std::optional<Pattern> thread_;
  std::optional<uint64_t> tid_;
  std::optional<PointInTime> since_;
  std::optional<PointInTime> until_;
};

// Leaves out the sites whose stacks do not count. (Of locks the replay did.)
void LeaveOutStacks(Profile* profile);

bool Matches(const Pattern& pattern, const SourceFrame& frame);

// "2.5s", "300ms", "1m", "10us", "7ns", "0", or "mark:TEXT". Nullopt: it is none of these.
std::optional<PointInTime> ParsePointInTime(const std::string& text);

}  // namespace perfagent
