// page_tables.h: frames and stacks by number, for the page: stacks have most of their frames in common, and sites, waits
// and findings name the same ones again and again.
//
//   strings  "main", "/src/main.cc", ...                     "" is 0
//   frames   [function, file, line, module, is inlined, is the program's own] ...  numbers of strings
//   stacks   [caller's stack, frame] ...                     a trie from the outermost frame on; 0 has no frames
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "analyzer/symbols/symbolizer.h"

namespace perfagent {

class JsonWriter;

class PageTables {
 public:
  // A million sites are a few thousand that matter. A page has so many of each process, and fewer of each of many
  // processes, so that it stays small enough for a browser.
  static constexpr size_t kMostSites = 4000;
  static constexpr size_t kLeastSites = 10;
  explicit PageTables(size_t processes = 1);

  size_t most_sites() const { return most_sites_; }
  uint32_t FrameOf(const SourceFrame& frame);
  // Leaf first.
  uint32_t StackOf(std::span<const SourceFrame* const> frames);

  // The stack of as many of the outermost frames as there is one of.
  uint32_t KnownPartOf(std::span<const SourceFrame* const> frames) const;
  // Its number is the smaller one.
  uint32_t CallerOf(uint32_t stack) const { return stacks_[stack].caller; }

  // Fields of the object that is being written: `strings`, `frames` and `stacks`, these two one array for each of their
  // columns. A JsonWriter without tables writes them.
  void Write(JsonWriter* json) const;

 private:
  struct Frame {
    uint32_t function;
    uint32_t file;
    int line;
    uint32_t module;
    bool inlined;
    bool own;
  };
  struct Stack {
    uint32_t caller;
    uint32_t frame;
  };

  uint32_t StringOf(const std::string& text);

  size_t most_sites_;
  std::vector<std::string> strings_;
  std::vector<Frame> frames_;
  std::vector<Stack> stacks_;
  absl::flat_hash_map<std::string, uint32_t> string_at_;
  absl::flat_hash_map<SourceFrame, uint32_t> frame_at_;
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, uint32_t> stack_at_;
};

}  // namespace perfagent
