// config.h: the agent's settings, read once from the environment (options.inc is the table).
//
// Threads: written by Read before any thread records; constant afterwards.
#pragma once

#include <cstdint>

namespace perfagent {

enum class RunMode { kSample, kFull, kOff };
enum class ClockChoice { kAuto, kVdso };

struct Config {
#define PERFAGENT_OPTION(field, variable, type, fallback, parser, allowed) type field = fallback;
#include "agent/options.inc"
#undef PERFAGENT_OPTION
};

extern Config config;

// Fills `config` from NAME=VALUE strings. The environment block is read directly: getenv may belong to the guest (bash
// defines its own). A value that is not allowed, or a PERFAGENT_ name that does not exist, is one line on stderr, and
// the default stays. Nothing points into the block afterwards.
void ReadConfig(char** environment);

// Does `name` match one of the comma-separated globs (`*` and `?`)? An empty list matches everything.
bool MatchesPrograms(const char* globs, const char* name);

}  // namespace perfagent
