// damage.h: what is wrong with a dump that can be stepped over.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"

namespace perfagent {

// One damaged place. `what` names what was expected and what was found.
struct Damage {
  std::string file;
  uint64_t offset = 0;
  std::string what;
  uint64_t skipped_bytes = 0;

  // "app.4711.dump: offset 81920: segment checksum 1f3a09bc, expected 77c2e010; skipped 32640 bytes"
  std::string ToString() const;
};

using DamageHandler = absl::FunctionRef<void(Damage)>;

}  // namespace perfagent
