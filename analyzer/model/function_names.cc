#include "analyzer/model/function_names.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>

namespace perfagent {
namespace {

// Where the name may begin: behind a return type in brackets, "decltype (::new ...) ".
size_t BehindDecltype(const std::string& function) {
  size_t i = 0;
  if (function.rfind("decltype (", 0) != 0) return i;
  int depth = 0;
  do {
    if (function[i] == '(') ++depth;
    if (function[i] == ')' && --depth == 0) return std::min(i + 2, function.size());
  } while (++i < function.size());
  return 0;
}

// Operators whose names have what else are brackets, the longest first.
constexpr std::string_view kBracketOperators[] = {
    "operator<<=", "operator>>=", "operator<=>", "operator->*", "operator<<", "operator>>",
    "operator<=",  "operator>=",  "operator->",  "operator<",   "operator>"};

// How long the one that is there is; 0: none is.
size_t OperatorAt(std::string_view function, size_t at) {
  const auto found =
      std::find_if(std::begin(kBracketOperators), std::end(kBracketOperators),
                   [&](std::string_view name) { return function.substr(at).starts_with(name); });
  return found == std::end(kBracketOperators) ? 0 : found->size();
}

}  // namespace

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string QualifiedName(const std::string& function) {
  size_t begin = BehindDecltype(function);
  int depth = 0;
  for (size_t i = begin; i < function.size(); ++i) {
    const char c = function[i];
    const bool is_operator = i >= 8 && function.compare(i - 8, 8, "operator") == 0;
    if (is_operator && (c == '<' || c == '>' || c == '(' || c == '-')) {
      while (i + 1 < function.size() && ispunct(static_cast<unsigned char>(function[i + 1])) &&
             function[i + 1] != '(') {
        ++i;
      }
      continue;
    }
    if (c == '(' && depth == 0) {
      if (function.compare(i, 21, "(anonymous namespace)") == 0) {
        i += 20;
        continue;
      }
      return function.substr(begin, i - begin);
    }
    if (c == '<' || c == '(') ++depth;
    if ((c == '>' || c == ')') && depth > 0) --depth;
    // A space outside of brackets ends a return type; "operator new" has one that does not.
    if (c == ' ' && depth == 0 && !is_operator) begin = i + 1;
  }
  return function.substr(begin);
}

std::string WithoutTemplateArguments(const std::string& function) {
  std::string shown;
  int depth = 0;
  for (size_t i = 0; i < function.size(); ++i) {
    if (const size_t length = depth == 0 ? OperatorAt(function, i) : 0; length > 0) {
      shown.append(function, i, length);
      i += length - 1;
      continue;
    }
    const char c = function[i];
    if (c == '<' && depth++ == 0) shown += "<...>";
    if (depth == 0) shown += c;
    const bool is_arrow = c == '>' && i > 0 && function[i - 1] == '-';
    if (c == '>' && !is_arrow && depth > 0) --depth;
  }
  return depth == 0 ? shown : function;
}

}  // namespace perfagent
