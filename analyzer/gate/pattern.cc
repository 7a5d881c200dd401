#include "analyzer/gate/pattern.h"

namespace perfagent {

std::optional<Pattern> Pattern::Parse(const std::string& text, std::string* error) {
  try {
    return Pattern(std::regex(text, std::regex::ECMAScript | std::regex::nosubs));
  } catch (const std::regex_error& wrong) {
    *error = wrong.what();
    return std::nullopt;
  }
}

bool Pattern::Matches(std::string_view name) const {
  name = name.substr(0, kLongestName);
  return std::regex_search(name.begin(), name.end(), regex_);
}

}  // namespace perfagent
