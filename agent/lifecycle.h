// lifecycle.h: start, thread start, fork, exit: the only place that orders them.
//
//   constructor ─► Start ─► recording ─► (fork ─► child: own dump) ─► exit: Finish
//
// Before Start, and for ever when it finds a reason not to record, every hook only forwards.
//
// Threads: Start runs once, from the library's constructor. Signals: Enter is safe under an AgentScope.
#pragma once

#include <cstdint>

#include "agent/sandbox.h"

namespace perfagent::lifecycle {

// First act of every slow path, under an AgentScope: is this process recording, and is this thread ready to? In a forked
// child the first call starts the child's own dump; on a thread's first call its countdowns are drawn. When the
// process does not record, the thread's countdowns are set so that its hooks stay on their fast paths.
bool Enter();

// For what arrives while the thread is inside the agent: counts it as lost, unless it is part of the event being recorded.
void Refused();

// Has Start completed, with recording wanted?
bool IsOn();

// The control words in the dump's header page, believed where they hold what they may: has recording been paused, and
// with which mean between samples are blocks to be sampled from now on (0: nobody asked)?
bool Paused();
uint64_t AskedInterval();

// The program is about to restrict itself to `rights`: sets aside what cannot be had afterwards.
void BeforeSandbox(sandbox::Rights rights);

// MODE=full: every event is recorded (budget::RecordsAll: as long as the file takes it).
bool FullMode();

}  // namespace perfagent::lifecycle
