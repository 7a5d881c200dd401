#include "analyzer/commands/top.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/commands/inputs.h"
#include "analyzer/dump/liveness.h"
#include "analyzer/report/format.h"
#include "analyzer/report/live_lines.h"
#include "analyzer/report/screen.h"
#include "analyzer/report/terminal.h"

namespace perfagent {
namespace {

constexpr uint64_t kDefaultLimit = 10;
constexpr size_t kLeastLimit = 2;
// Below a look: which keys there are.
constexpr size_t kKeyLines = 2;

enum class Shown { kGoesOn, kQuit };

// Where looks are shown, and what passes the time between them.
class Viewer {
 public:
  virtual ~Viewer() = default;
  virtual Shown Show(LiveProfile* profile) = 0;
  // Until the next look is due. `profile` is null before the first one.
  virtual Shown Wait(uint64_t ns, LiveProfile* profile) = 0;
  // Of the first look, which reads all that was recorded so far.
  virtual Shown ShowProgress(double part) = 0;
};

class PlainViewer : public Viewer {
 public:
  explicit PlainViewer(const TopOptions& options) : options_(options) {}

  Shown Show(LiveProfile* profile) override {
    const LiveLook& look = profile->Look(options_.order, options_.limit.value_or(kDefaultLimit));
    if (!is_first_) output_.Write("\n");
    is_first_ = false;
    for (const std::string& line : LiveLines(look, options_.order, 0))
      output_.Write(absl::StrCat(line, "\n"));
    output_.Flush();
    return output_.closed() ? Shown::kQuit : Shown::kGoesOn;
  }
  Shown Wait(uint64_t ns, LiveProfile*) override {
    timespec time = {static_cast<time_t>(ns / 1'000'000'000),
                     static_cast<long>(ns % 1'000'000'000)};
    nanosleep(&time, nullptr);
    return Shown::kGoesOn;
  }
  Shown ShowProgress(double part) override {
    progress_.Update(static_cast<uint64_t>(part * kParts));
    return Shown::kGoesOn;
  }

 private:
  static constexpr uint64_t kParts = 1000;

  const TopOptions& options_;
  FileOutput output_{STDOUT_FILENO};
  Progress progress_{absl::StrCat("reading ", options_.dump), kParts};
  bool is_first_ = true;
};

class ScreenViewer : public Viewer {
 public:
  explicit ScreenViewer(const TopOptions& options) : options_(options), order_(options.order) {}

  Shown Show(LiveProfile* profile) override {
    const TerminalSize size = SizeOfTerminal(STDOUT_FILENO);
    const size_t room = size.rows - std::min(size.rows, kKeyLines);
    const size_t most = std::min<uint64_t>(room, options_.limit.value_or(room));
    const LiveLook& look = profile->Look(order_, most);
    lines_ = LiveLines(look, order_, size.columns);
    if (lines_.size() > room) {
      const size_t limit = LimitFor(look, lines_.size(), room);
      lines_ = LiveLines(profile->Look(order_, limit), order_, size.columns);
    }
    std::vector<std::string> lines = lines_;
    lines.resize(std::min(lines.size(), room));
    lines.emplace_back();
    lines.emplace_back(kKeys);
    screen_.Draw(lines);
    return Shown::kGoesOn;
  }

  Shown Wait(uint64_t ns, LiveProfile* profile) override {
    const uint64_t end_ns = MonotonicNow() + ns;
    for (uint64_t now_ns = MonotonicNow(); now_ns < end_ns; now_ns = MonotonicNow()) {
      switch (screen_.Wait(end_ns - now_ns)) {
        case Screen::Event::kQuit:
          return Shown::kQuit;
        case Screen::Event::kKey:
          if (IsQuit(screen_.key())) return Shown::kQuit;
          SetOrder(screen_.key());
          if (profile != nullptr) Show(profile);
          break;
        case Screen::Event::kResize:
          if (profile != nullptr) Show(profile);
          break;
        case Screen::Event::kTime:
          break;
      }
    }
    return Shown::kGoesOn;
  }

  Shown ShowProgress(double part) override {
    const uint64_t now_ns = MonotonicNow();
    if (now_ns < next_progress_ns_) return Shown::kGoesOn;
    next_progress_ns_ = now_ns + kProgressNs;
    screen_.Draw(
        {absl::StrFormat("reading what was recorded so far: %.0f %% (q: quit)", part * 100)});
    const Screen::Event event = screen_.Wait(0);
    const bool quits =
        event == Screen::Event::kQuit || (event == Screen::Event::kKey && IsQuit(screen_.key()));
    return quits ? Shown::kQuit : Shown::kGoesOn;
  }

  // What the screen showed last.
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  static constexpr uint64_t kQuietNs = 500'000'000;  // mostly all is read by then
  static constexpr uint64_t kProgressNs = 200'000'000;
  static constexpr std::string_view kKeys =
      "q: quit   order of sites: b bytes, c calls, t temporary, g growth";

  // So many of both lists as there is room for.
  static size_t LimitFor(const LiveLook& look, size_t lines, size_t room) {
    const size_t sites = look.sites.size(), locks = look.locks.size();
    // Two lines more say how many more there are.
    const size_t others = lines - sites - locks + 2;
    size_t limit = std::max(sites, locks);
    while (limit > kLeastLimit && others + std::min(sites, limit) + std::min(locks, limit) > room) {
      --limit;
    }
    return limit;
  }

  static bool IsQuit(char key) { return key == 'q' || key == 'Q' || key == '\x03'; }

  void SetOrder(char key) {
    if (key == 'b') order_ = SiteOrder::kBytes;
    if (key == 'c') order_ = SiteOrder::kCalls;
    if (key == 't') order_ = SiteOrder::kTemporary;
    if (key == 'g') order_ = SiteOrder::kGrowth;
  }

  const TopOptions& options_;
  SiteOrder order_;
  Screen screen_;
  std::vector<std::string> lines_;
  uint64_t next_progress_ns_ = MonotonicNow() + kQuietNs;
};

// Nullopt where the user had enough.
std::optional<LiveLook> Watch(const TopOptions& options, LiveProfile* profile, Viewer* viewer) {
  const auto interval_ns = static_cast<uint64_t>(options.interval_seconds * 1e9);
  const auto goes_on = [viewer](double part) {
    return viewer->ShowProgress(part) == Shown::kGoesOn;
  };
  if (options.from_now) {
    profile->BeginNow();
    if (viewer->Wait(interval_ns, nullptr) == Shown::kQuit) return std::nullopt;
  }
  for (uint64_t looks = 1;; ++looks) {
    if (!profile->Read(goes_on) || viewer->Show(profile) == Shown::kQuit) return std::nullopt;
    if (profile->has_ended()) return profile->Look(options.order, 0);
    if (looks == options.count.value_or(0)) return std::nullopt;
    if (viewer->Wait(interval_ns, profile) == Shown::kQuit) return std::nullopt;
  }
}

void PrintEnd(const LiveLook& end) {
  FileOutput output(STDOUT_FILENO);
  output.Write(absl::StrCat("\n", HowItEnded(end.facts), " after ",
                            FormatDuration(static_cast<double>(end.facts.duration_ns)),
                            "\nnext: analyzer report ", EscapeForTerminal(ShellWord(end.dump)),
                            "\n"));
  output.Flush();
}

}  // namespace

ExitCode RunTop(const TopOptions& options) {
  std::string error;
  std::optional<DumpFile> file = DumpFile::Open(options.dump, &error);
  if (!file) {
    PrintError(error);
    return ExitCode::kUnusable;
  }
  WarnOfDebuginfod(options.symbols);
  LiveProfile profile(*std::move(file), options.symbols);
  std::optional<LiveLook> end;
  if (isatty(STDOUT_FILENO) != 0) {
    std::vector<std::string> last;
    {
      ScreenViewer viewer(options);
      end = Watch(options, &profile, &viewer);
      last = viewer.lines();
    }
    // The screen is the shell's again, and what was shown last stays on it.
    FileOutput output(STDOUT_FILENO);
    for (const std::string& line : last) output.Write(absl::StrCat(line, "\n"));
    output.Flush();
  } else {
    PlainViewer viewer(options);
    end = Watch(options, &profile, &viewer);
  }
  if (end) PrintEnd(*end);
  return ExitCode::kFine;
}

}  // namespace perfagent
