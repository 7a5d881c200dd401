// memory_use.h: the process's memory, as the kernel counts it, at its end.
//
// Only then: the kernel says it through a file, and while the program runs no system call of the agent makes a descriptor.
// Another thread that closes one twice, or all of them, would close the agent's, and the agent then the program's.
//
// Threads: one. Signals: under an AgentScope.
#pragma once

namespace perfagent {
struct Stream;
}

namespace perfagent::memory_use {

// Nothing where no system call may be made.
void Note(Stream* stream);

}  // namespace perfagent::memory_use
