// stack_names.h: the functions of a process's stacks, looked up when they are asked for.
//
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/node_hash_map.h"
#include "absl/functional/function_ref.h"
#include "analyzer/model/ids.h"
#include "analyzer/model/made_stacks.h"
#include "analyzer/model/process.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

// What is shown of a name, and which frames are.
struct NameStyle {
  std::function<bool(const SourceFrame&)> hides;  // empty: no frame
  bool shortens_templates = false;                // "std::vector<...>::push_back"
};

class StackNames {
 public:
  // Where no program has anything.
  static constexpr uint64_t kFirstMadeAddress = uint64_t{0x8000} << 48;

  // Both must outlive this.
  StackNames(const Process& process, Symbolizer* symbolizer)
      : process_(process), symbolizer_(symbolizer) {}

  const Process& process() const { return process_; }
  // The runtime's files begin to be read, which are on all stacks. Those of other code may never be asked about, and large.
  void ReadAhead() const;
  // From here on Frames and Headline show names so.
  void Show(NameStyle style);

  // Leaf first, inlined frames expanded, the agent's own frames left out. Names are as found, but for the style: who
  // prints them escapes them.
  std::vector<const SourceFrame*> Frames(StackId stack);
  // What of that is at one of the process's frames, innermost inlined function first; empty: nothing.
  std::vector<const SourceFrame*> ShownAt(const Frame& frame);
  bool IsMade(StackId stack) const { return stack.value() >= process_.stack_count(); }
  bool IsTruncated(StackId stack) const {
    return IsMade(stack) ? made_.IsTruncated(NumberOf(stack)) : process_.IsTruncated(stack);
  }
  // The stack with these frames, leaf first, which are what is shown of it; it is none of the process's.
  StackId Make(std::span<const SourceFrame* const> frames, bool is_truncated) {
    return StackId(process_.stack_count() + made_.Add(frames, is_truncated));
  }
  // A return address, or the address of static data, with this name; it is none of the process's.
  uint64_t MakeAddress(const SourceFrame& frame);
  uint64_t MakeData(const std::string& name);
  static bool IsMade(uint64_t address) { return address >= kFirstMadeAddress; }
  // Is it true for a frame at the address, as it was found? Of the agent's own it is not.
  bool AnyAt(const Frame& frame, absl::FunctionRef<bool(const SourceFrame&)> predicate);
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
  size_t NumberOf(StackId made) const { return made.value() - process_.stack_count(); }
  void AppendShown(const Frame& frame, std::vector<const SourceFrame*>* frames);
  // What is shown of a frame; null: nothing.
  const SourceFrame* Shown(const SourceFrame& frame);
  const SourceFrame* ShortOf(const SourceFrame& frame);

  const Process& process_;
  Symbolizer* symbolizer_;
  MadeStacks made_;
  uint64_t next_made_address_ = kFirstMadeAddress;
  absl::flat_hash_map<SourceFrame, uint64_t> made_addresses_;
  absl::flat_hash_map<uint64_t, std::string> made_data_;
  NameStyle style_;
  absl::flat_hash_map<const SourceFrame*, bool> is_hidden_;
  absl::node_hash_map<const SourceFrame*, SourceFrame> short_;
  // The vectors are on the heap, so that pointers to frames outlive growth of the table.
  absl::flat_hash_map<Frame, std::unique_ptr<std::vector<SourceFrame>>> frames_;
  absl::flat_hash_map<Frame, std::string> symbols_;
};

}  // namespace perfagent
