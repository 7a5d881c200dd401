// pattern.h: a regular expression that somebody gives, for names that anybody may have given.
//
// ECMAScript, found anywhere in a name. libstdc++ matches by recursion, a frame for each character, so that a symbol of
// some 100 KB would overflow the stack: of a name only its beginning is looked at.
#pragma once

#include <optional>
#include <regex>
#include <string>
#include <string_view>

namespace perfagent {

class Pattern {
 public:
  // On failure returns nullopt, and *error says what is wrong with the expression.
  static std::optional<Pattern> Parse(const std::string& text, std::string* error);

  bool Matches(std::string_view name) const;

 private:
  static constexpr size_t kLongestName = 4096;

  explicit Pattern(std::regex regex) : regex_(std::move(regex)) {}

  std::regex regex_;
};

}  // namespace perfagent
