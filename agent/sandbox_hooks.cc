// sandbox_hooks.cc: prctl and syscall(SYS_seccomp), looked at for one thing: a seccomp filter that is about to be installed.

#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "agent/export.h"
#include "agent/lifecycle.h"
#include "agent/readable.h"
#include "agent/real.h"
#include "agent/sandbox.h"

namespace perfagent {

namespace {

// What the kernel could not read either allows nothing.
sandbox::Rights RightsUnder(unsigned long argument) {
  const auto* filter = reinterpret_cast<const sock_fprog*>(argument);
  const bool readable = Readable(filter, sizeof *filter) &&
                        Readable(filter->filter, filter->len * sizeof *filter->filter);
  return readable ? sandbox::RightsUnder(*filter) : sandbox::kNoCalls;
}

// The agent falls silent before the restriction is in force, and speaks again if the kernel refused it.
template <typename Install>
auto Restrict(sandbox::Rights rights, Install install) {
  lifecycle::BeforeSandbox(rights);
  const sandbox::Rights before = sandbox::Enter(rights);
  const auto result = install();
  if (result < 0) sandbox::Undo(before);
  return result;
}

}  // namespace

extern "C" {

PERFAGENT_EXPORT int prctl(int operation, unsigned long a, unsigned long b, unsigned long c,
                           unsigned long d) {
  const auto call = [=] { return real::prctl(operation, a, b, c, d); };
  if (operation == PR_SET_TSC && a == PR_TSC_SIGSEGV) return Restrict(sandbox::kNoClock, call);
  if (operation != PR_SET_SECCOMP) return call();
  return Restrict(a == SECCOMP_MODE_FILTER ? RightsUnder(b) : sandbox::kNoClock, call);
}

// Where syscall_hooks.cc sends number SYS_seccomp.
__attribute__((visibility("hidden"), used)) long PerfagentSeccomp(long number, long operation,
                                                                  long flags, long argument) {
  const auto call = [=] { return real::syscall(number, operation, flags, argument, 0, 0, 0); };
  switch (operation) {
    case SECCOMP_SET_MODE_STRICT:
      return Restrict(sandbox::kNoClock, call);
    case SECCOMP_SET_MODE_FILTER:
      return Restrict(RightsUnder(static_cast<unsigned long>(argument)), call);
    default:
      return call();
  }
}

}  // extern "C"

}  // namespace perfagent
