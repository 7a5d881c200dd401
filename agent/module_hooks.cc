// module_hooks.cc: dlclose. (dlopen is not hooked: a hook would take the place of the caller, whose RUNPATH counts.)

#include "agent/agent_scope.h"
#include "agent/export.h"
#include "agent/lifecycle.h"
#include "agent/modules.h"
#include "agent/real.h"
#include "agent/stream.h"

namespace perfagent {

namespace {

void SweepModules() {
  AgentScope scope;
  if (!scope || !lifecycle::Enter()) return;
  if (Stream* stream = streams::Current()) modules::Sweep(stream);
}

}  // namespace

extern "C" PERFAGENT_EXPORT int dlclose(void* handle) noexcept {
  const int result = real::dlclose(handle);
  SweepModules();
  return result;
}

}  // namespace perfagent
