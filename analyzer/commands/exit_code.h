// exit_code.h: what the analyzer's exit status says.
#pragma once

namespace perfagent {

enum class ExitCode {
  kFine = 0,
  kBeyond = 1,  // `check` found more than allowed
  kUsage = 2,
  kPartial = 3,  // some input damaged or missing; the result says which and how much
  kUnusable = 4,
  kInternal = 5,
};

}  // namespace perfagent
