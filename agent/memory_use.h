// memory_use.h: the process's memory, as the kernel counts it: its greatest resident size so far, now and then, and all of it
// at the end.
//
// All of it only then: the kernel says it through a file, and while the program runs no system call of the agent makes a
// descriptor. Another thread that closes one twice, or all of them, would close the agent's, and the agent then the
// program's. The greatest size is what getrusage says.
//
// Threads: Start and StartInChild from one; the others from any. Signals: under an AgentScope.
#pragma once

namespace perfagent {
struct Stream;
}

namespace perfagent::memory_use {

// Of a program, and of a forked child: what the kernel still counts of an earlier program is told apart from now on.
void Start();
void StartInChild();

// Both: nothing where no system call may be made.
void NotePeak(Stream* stream);
void NoteEnd(Stream* stream);

}  // namespace perfagent::memory_use
