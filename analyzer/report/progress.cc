#include "analyzer/report/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "analyzer/dump/liveness.h"
#include "analyzer/report/format.h"

namespace perfagent {
namespace {

constexpr uint64_t kQuietNs = 500'000'000;
constexpr uint64_t kEveryNs = 100'000'000;
constexpr const char* kClearLine = "\r\x1b[K";

}  // namespace

Progress::Progress(const std::string& what, uint64_t total)
    : what_(EscapeForTerminal(what)),
      total_(std::max<uint64_t>(total, 1)),
      enabled_(isatty(STDERR_FILENO) != 0),
      next_ns_(MonotonicNow() + kQuietNs) {}

Progress::~Progress() {
  if (shown_) fputs(kClearLine, stderr);
}

void Progress::Update(uint64_t done) {
  if (!enabled_) return;
  const uint64_t now = MonotonicNow();
  if (now < next_ns_) return;
  next_ns_ = now + kEveryNs;
  shown_ = true;
  const double part = std::min(static_cast<double>(done) / static_cast<double>(total_), 1.0);
  fprintf(stderr, "%s%s: %.0f %%", kClearLine, what_.c_str(), part * 100);
}

}  // namespace perfagent
