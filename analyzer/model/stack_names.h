// stack_names.h: the functions of a process's stacks, looked up when they are asked for.
//
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/process.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

class StackNames {
 public:
  // Both must outlive this.
  StackNames(const Process& process, Symbolizer* symbolizer)
      : process_(process), symbolizer_(symbolizer) {}

  const Process& process() const { return process_; }
  // Leaf first, inlined frames expanded, the agent's own frames left out. Names are as found: who
  // prints them escapes them.
  std::vector<const SourceFrame*> Frames(StackId stack);
  // The frames of one return address, innermost first; never empty. The pointer is valid until
  // this is destroyed.
  const std::vector<SourceFrame>* FramesAt(const Frame& frame);
  // The function of a return address by its module's symbol table alone: cheap, but without what was
  // inlined. Empty when unknown.
  std::string SymbolName(const Frame& frame);
  // The frame that a reader would call the place: the innermost one with a name that is neither the
  // entry, the plumbing nor a wrapper of an allocator or a lock; the next best when there is none.
  // Null for a stack without frames.
  const SourceFrame* Headline(StackId stack);
  const SourceFrame* Headline(uint64_t return_address);
  // "cache+0x40" for an address in static data; empty elsewhere.
  std::string DataName(uint64_t address);
  const std::string& ModulePath(const Frame& frame) const;

 private:
  const Process& process_;
  Symbolizer* symbolizer_;
  // The vectors are on the heap, so that pointers to frames outlive growth of the table.
  absl::flat_hash_map<Frame, std::unique_ptr<std::vector<SourceFrame>>> frames_;
  absl::flat_hash_map<Frame, std::string> symbols_;
};

// "operator new(unsigned long)", "std::vector<...>::_M_realloc_insert<...>", "pthread_mutex_lock",
// "std::lock_guard<std::mutex>::lock_guard": code between the program and the call that is
// recorded.
bool IsPlumbing(const std::string& function);

// "main" and all that the program calls its own: neither plumbing nor where a thread begins.
bool IsOwnCode(const std::string& function);

// "std::vector<int>::push_back" of "void std::vector<int>::push_back(int const&)": without the
// return type that templates have, and without parameters.
std::string QualifiedName(const std::string& function);

// The part after the last slash.
std::string BaseName(const std::string& path);

}  // namespace perfagent
