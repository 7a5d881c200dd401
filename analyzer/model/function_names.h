// function_names.h: parts of demangled names, and of paths.
#pragma once

#include <string>

namespace perfagent {

// "std::vector<int>::push_back" of "void std::vector<int>::push_back(int const&)": without the
// return type that templates have, and without parameters.
std::string QualifiedName(const std::string& function);

// "std::vector<...>::push_back(int const&)" of "std::vector<int, std::allocator<int> >::push_back(int const&)".
std::string WithoutTemplateArguments(const std::string& function);

// The part after the last slash.
std::string BaseName(const std::string& path);

}  // namespace perfagent
