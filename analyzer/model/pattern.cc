#include "analyzer/model/pattern.h"

namespace perfagent {

std::optional<Pattern> Pattern::Compile(const std::string& text, std::string* error) {
  auto regex = std::make_unique<regex_t>();
  if (const int code = regcomp(regex.get(), text.c_str(), REG_EXTENDED | REG_NOSUB); code != 0) {
    char reason[256];
    regerror(code, regex.get(), reason, sizeof reason);
    *error = reason;
    return std::nullopt;
  }
  const auto end = [](const regex_t* compiled) {
    regfree(const_cast<regex_t*>(compiled));
    delete compiled;
  };
  return Pattern(text, std::shared_ptr<const regex_t>(regex.release(), end));
}

}  // namespace perfagent
