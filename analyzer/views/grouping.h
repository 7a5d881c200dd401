// grouping.h: sites that are one to the reader become one: of a function, a line, a module, ... or of equal stacks.
//
// A site belongs to its place, the innermost frame that is the program's own (StackNames::Headline).
#pragma once

#include "analyzer/model/heap_profile.h"
#include "analyzer/model/stack_names.h"

namespace perfagent {

enum class Grouping {
  kFunction,
  kLine,
  kModule,   // the loaded object, by its path
  kLibrary,  // the same without directory and version: "libssl" of "/usr/lib/libssl.so.3"
  kStack,    // equal to the last frame that is shown
};

// Sums are those of the parts, and so are their errors: blocks are sampled one by one.
void Group(Grouping by, StackNames* names, HeapProfile* heap);

// "libssl" of "/usr/lib/libssl.so.3", "app" of "/opt/app".
std::string LibraryName(const std::string& path);

}  // namespace perfagent
