// module_hooks.cc: dlclose. (dlopen is not hooked: a hook would take the place of the caller, whose RUNPATH counts.)

#include "agent/agent_scope.h"
#include "agent/export.h"
#include "agent/lifecycle.h"
#include "agent/modules.h"
#include "agent/real.h"
#include "agent/stream.h"
#include "agent/unseen.h"

namespace perfagent {

namespace {

// Calls act(stream) where the thread may record.
template <typename Act>
void WithStream(Act act) {
  AgentScope scope;
  if (!scope || !lifecycle::Enter()) return;
  if (Stream* stream = streams::Current()) act(stream);
}

}  // namespace

extern "C" PERFAGENT_EXPORT int dlclose(void* handle) noexcept {
  WithStream([=](Stream* stream) { unseen::ReportHandle(stream, handle); });
  const int result = real::dlclose(handle);
  WithStream([](Stream* stream) { modules::Sweep(stream); });
  return result;
}

}  // namespace perfagent
