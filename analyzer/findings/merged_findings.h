// merged_findings.h: the findings of many processes become one list: what a rule says of one place in several is one finding.
//
// A place is the same where the program's own functions on the stack and their lines are; a lock, where its name without
// addresses and thread ids is. What the processes gain adds up; all else that a finding says is of the process in which
// most is at stake, which it names. Memory grows with the number of different findings.
//
// Threads: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/findings/finding.h"
#include "analyzer/report/report_input.h"

namespace perfagent {

class MergedFindings {
 public:
  // Of each process; so many locks may be in its list.
  static constexpr size_t kMostOfAProcess = 100;

  // Stacks become stacks of `names`, which must outlive this and its findings.
  explicit MergedFindings(StackNames* names) : names_(names) {}

  // What was found in one process, most urgent first.
  void Add(const NamedProfile& named, Findings findings);

  // After the last process: those first that have most at stake of what all processes have together, of their time or of
  // their heaps at their peaks.
  Findings Finish();
  // Findings beyond kMostOfAProcess.
  uint64_t left_out() const { return left_out_; }

 private:
  struct Entry {
    Finding finding;       // of the process in which most is at stake, with the gains of all
    double most = 0;       // is at stake there: ns or bytes
    double all = 0;        // in all processes
    size_t processes = 0;  // in which it was found
    size_t last_process = 0;
  };

  void Add(const NamedProfile& named, Finding finding, double stake);
  void Take(const NamedProfile& named, Finding finding, Entry* entry);

  StackNames* names_;
  std::vector<Entry> entries_;
  absl::flat_hash_map<std::string, size_t> entry_at_;
  size_t processes_ = 0;
  double duration_ns_ = 0;
  double peak_bytes_ = 0;
  uint64_t left_out_ = 0;
};

}  // namespace perfagent
