// pattern.h: regular expressions as egrep has them, for names that anybody may have given.
//
// The C library's: std::regex recurses once per character, and overflows the stack on a symbol of some 100 KB.
#pragma once

#include <regex.h>

#include <memory>
#include <optional>
#include <string>

namespace perfagent {

class Pattern {
 public:
  // Nullopt when it is none; *error then says why.
  static std::optional<Pattern> Compile(const std::string& text, std::string* error);

  // Anywhere in the name.
  bool Matches(const std::string& name) const {
    return regexec(regex_.get(), name.c_str(), 0, nullptr, 0) == 0;
  }
  const std::string& text() const { return text_; }

 private:
  Pattern(std::string text, std::shared_ptr<const regex_t> regex)
      : text_(std::move(text)), regex_(std::move(regex)) {}

  std::string text_;
  std::shared_ptr<const regex_t> regex_;
};

}  // namespace perfagent
