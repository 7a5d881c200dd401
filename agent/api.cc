// api.cc: the functions of perfagent.h.

#include <cstring>
#include <string_view>

#include "agent/agent_scope.h"
#include "agent/clock.h"
#include "agent/dump_writer.h"
#include "agent/export.h"
#include "agent/lifecycle.h"
#include "agent/stream.h"

namespace perfagent {

namespace {

constexpr size_t kLongestMark = 200;

void SetPaused(uint32_t paused) {
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (lifecycle::Enter()) dump_writer::Header()->paused.store(paused);
}

}  // namespace

extern "C" {

PERFAGENT_EXPORT void perfagent_mark(const char* phase) noexcept {
  AgentScope scope;
  if (!scope) return lifecycle::Refused();
  if (phase == nullptr || !lifecycle::Enter()) return;
  const std::string_view text(phase, strnlen(phase, kLongestMark));
  if (Stream* stream = streams::Current()) {
    stream->PutSized(MarkRecord{clock::Now(), text}, MaxTextRecord(text.size()));
  }
}

PERFAGENT_EXPORT void perfagent_pause() noexcept { SetPaused(1); }
PERFAGENT_EXPORT void perfagent_resume() noexcept { SetPaused(0); }

}  // extern "C"

}  // namespace perfagent
