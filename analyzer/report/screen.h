// screen.h: a terminal as a screen that is drawn again in place, and its keys.
//
// From its construction to its end the terminal shows another screen than the shell's, without a cursor, and keys arrive as
// they are pressed; then all is as it was, however this ends: by a key, INT, TERM, HUP or QUIT. Stopped by Ctrl-Z, the shell
// has its own screen back meanwhile.
//
// Threads: one. One screen in a process: signals are the process's.
#pragma once

#include <termios.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

namespace perfagent {

class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // The lines that fit, each shortened to the terminal's width.
  void Draw(const std::vector<std::string>& lines);

  enum class Event { kTime, kKey, kResize, kQuit };
  // What comes first; kTime: so many ns have passed. After kKey, key() is which.
  Event Wait(uint64_t ns);
  char key() const { return key_; }

 private:
  void Enter();
  void Leave();
  void Stop();
  Event OnSignals();

  termios before_ = {};
  bool has_keys_ = false;
  sigset_t mask_before_ = {};
  char key_ = 0;
};

}  // namespace perfagent
