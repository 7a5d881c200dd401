#include "analyzer/dump/damage.h"

#include "absl/strings/str_cat.h"

namespace perfagent {

std::string Damage::ToString() const {
  std::string line = absl::StrCat(file, ": offset ", offset, ": ", what);
  if (skipped_bytes > 0) absl::StrAppend(&line, "; skipped ", skipped_bytes, " bytes");
  return line;
}

}  // namespace perfagent
