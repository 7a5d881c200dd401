// leak_suppressions.h: leaks that somebody answers for, as LeakSanitizer's, with who and until when.
//
//   # the cache is emptied by nobody, on purpose
//   leak:Cache::Fill owner=storage
//   leak:^parse_(line|file) owner=ingest expires=2027-01-31
//
// A line suppresses what is leaked at sites with a function that the expression (pattern.h) finds anywhere on the stack.
// It applies through its last day (UTC); after that, it does nothing but be reported.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/model/heap_profile.h"
#include "analyzer/model/pattern.h"
#include "analyzer/model/stack_names.h"

namespace perfagent {

class LeakSuppressions {
 public:
  // Days since 1970-01-01, UTC.
  using Day = long;
  static Day Today();

  // `name` is the file's, for errors: on failure returns nullopt, and *error names the line and what was expected.
  static std::optional<LeakSuppressions> Parse(std::string_view text, const std::string& name,
                                               Day today, std::string* error);

  // Takes what is suppressed out of the leaks, as Suppress does.
  void Apply(StackNames* names, HeapProfile* heap);

  // "FILE:3: expired on 2027-01-31 (owner ingest): leak:..."
  std::vector<std::string> Expired() const;
  // Of those that applied to nothing so far.
  std::vector<std::string> Unused() const;

 private:
  struct Line {
    std::string place;  // "FILE:3"
    std::string text;
    std::optional<Pattern> pattern;
    std::string owner;
    std::string expires;  // empty: never
    bool is_expired = false;
    bool was_used = false;
  };

  bool IsSuppressed(const std::vector<const SourceFrame*>& stack);
  static bool ParseLine(const std::string& text, Day today, Line* line, std::string* expected);
  static bool ParseField(const std::string& field, Day today, Line* line, std::string* expected);

  std::vector<Line> lines_;
};

}  // namespace perfagent
