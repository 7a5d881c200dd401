// thing_names.h: what of a site or a lock is the same in another build.
//
// Addresses change with every build, lines with every edit above them, and which of the standard library's functions are
// inlined with the compiler's mood. So a thing's key is the kind of call and the names of the program's own functions on
// the stack; lines only tell apart what has one key (match.h).
//
//   malloc  operator new < std::vector::push_back < GrowVector (a.cc:15) < main (a.cc:39) < __libc_start_main
//   key     malloc, GrowVector, main        lines 15, 39
//
// Code without a name is "libx.so+0x1234", which says something only while the file is the same: where builds differ, all
// such code of a file is one ("libx.so+?").
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "analyzer/compare/figures.h"

namespace perfagent {

// The program's own frames of a stack (all of them where none is its own); of a function that calls itself, the first.
std::vector<SourceFrame> OwnFrames(const std::vector<const SourceFrame*>& stack);

// Without what compilers append to parts of a function: ".constprop.0", " [clone .cold]".
std::string StableName(const std::string& function);

// `is_same_file` says of a module's file name whether both sides have the same build of it.
std::string KeyOf(const Thing& thing, absl::FunctionRef<bool(const std::string&)> is_same_file);

// The lines of the key's functions, leaf first, and of a lock its offset in its block.
std::vector<uint64_t> LinesOf(const Thing& thing);

}  // namespace perfagent
