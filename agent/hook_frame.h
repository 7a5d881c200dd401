// hook_frame.h: where the guest called a hook, without walking the agent's own frames.
//
// Threads, signals: safe.
#pragma once

#include <cstdint>

#include "agent/unwind/rule_step.h"

namespace perfagent {

// The frame of a function that the guest called, or that a hook which it called jumped to.
class HookFrame {
 public:
  // Of the function that this is inlined into, which thereby keeps a frame pointer.
  [[gnu::always_inline]] static HookFrame Here() {
    return HookFrame(static_cast<const uint64_t*>(__builtin_frame_address(0)));
  }
  // Above it is the guest.
  const void* top() const { return words_; }
  // psABI, 3.2.2: the caller's rbp, the return address, and then the caller's frame.
  FrameState Caller() const {
    return {words_[1], reinterpret_cast<uint64_t>(words_ + 2), words_[0]};
  }

 private:
  explicit HookFrame(const uint64_t* words) : words_(words) {}

  const uint64_t* words_;
};

}  // namespace perfagent
