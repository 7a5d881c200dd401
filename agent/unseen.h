// unseen.h: loaded objects whose malloc does not reach the agent, named in the dump so that reports can say so.
//
// A library opened with RTLD_DEEPBIND or into a namespace of its own (dlmopen) finds libc's functions before the agent's.
// Which definition an object was bound to stands in its own relocated memory.
//
// Threads: any, where the loader's lock may be taken. Signals: not from a handler.
#pragma once

#include "agent/stream.h"

namespace perfagent::unseen {

// Before dlclose: the object that `handle` stands for, if it is one.
void ReportHandle(Stream* stream, void* handle);

// At exit: all that are loaded then.
void ReportAll(Stream* stream);

// In a forked child: nothing was reported in its dump yet.
void Forget();

}  // namespace perfagent::unseen
