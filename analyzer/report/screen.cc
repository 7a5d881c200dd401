#include "analyzer/report/screen.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "analyzer/report/output.h"
#include "analyzer/report/terminal.h"

namespace perfagent {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

volatile sig_atomic_t quit_arrived = 0;
volatile sig_atomic_t stop_arrived = 0;
volatile sig_atomic_t resize_arrived = 0;

void OnSignal(int signal) {
  if (signal == SIGWINCH) {
    resize_arrived = 1;
  } else if (signal == SIGTSTP) {
    stop_arrived = 1;
  } else {
    quit_arrived = 1;
  }
}

bool HasSignals() { return quit_arrived != 0 || stop_arrived != 0 || resize_arrived != 0; }

void Print(std::string_view text) {
  FileOutput output(STDOUT_FILENO);
  output.Write(text);
  output.Flush();
}

}  // namespace

Screen::Screen() {
  has_keys_ = isatty(STDIN_FILENO) != 0 && tcgetattr(STDIN_FILENO, &before_) == 0;
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : kSignals) sigaddset(&mask, signal);
  sigprocmask(SIG_BLOCK, &mask, &mask_before_);  // they arrive in Wait alone
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
  Enter();
}

Screen::~Screen() {
  Leave();
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

void Screen::Enter() {
  if (has_keys_) {
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    keys.c_cc[VMIN] = 0;
    keys.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
  }
  Print("\x1b[?1049h\x1b[?25l");  // the other screen, no cursor
}

void Screen::Leave() {
  Print("\x1b[?25h\x1b[?1049l");
  if (has_keys_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

void Screen::Stop() {
  Leave();
  raise(SIGSTOP);
  Enter();
}

void Screen::Draw(const std::vector<std::string>& lines) {
  const TerminalSize size = SizeOfTerminal(STDOUT_FILENO);
  const size_t shown = std::min(lines.size(), size.rows);
  std::string text = "\x1b[H";
  for (size_t i = 0; i < shown; ++i) {
    absl::StrAppend(&text, ShortenMiddle(lines[i], size.columns), "\x1b[K",
                    i + 1 < shown ? "\r\n" : "");
  }
  Print(text + "\x1b[J");  // what was below
}

Screen::Event Screen::OnSignals() {
  if (stop_arrived != 0) {
    stop_arrived = 0;
    Stop();
    return Event::kResize;
  }
  if (resize_arrived != 0) {
    resize_arrived = 0;
    return Event::kResize;
  }
  return Event::kQuit;  // and again, whoever asks
}

Screen::Event Screen::Wait(uint64_t ns) {
  if (HasSignals()) return OnSignals();
  const timespec time = {static_cast<time_t>(ns / 1'000'000'000),
                         static_cast<long>(ns % 1'000'000'000)};
  pollfd input = {has_keys_ ? STDIN_FILENO : -1, POLLIN, 0};
  const int ready = ppoll(&input, 1, &time, &mask_before_);
  if (HasSignals()) return OnSignals();
  if (ready <= 0) return Event::kTime;
  // A terminal that has gone says so again and again.
  if (read(STDIN_FILENO, &key_, 1) != 1) return Event::kQuit;
  return Event::kKey;
}

}  // namespace perfagent
