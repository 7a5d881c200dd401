#include "analyzer/export/locations.h"

#include <utility>

namespace perfagent {

std::vector<uint32_t> Locations::Of(StackId stack) {
  std::vector<uint32_t> numbers;
  if (!names_->IsMade(stack)) {
    for (const Frame& frame : names_->process().Frames(stack)) {
      const uint32_t number = Of(frame);
      if (number != kNotShown) numbers.push_back(number);
    }
    return numbers;
  }
  std::vector<const SourceFrame*> lines;
  for (const SourceFrame* frame : names_->Frames(stack)) {
    lines.push_back(frame);
    if (frame->inlined) continue;
    numbers.push_back(Of(std::exchange(lines, {})));
  }
  if (!lines.empty()) numbers.push_back(Of(std::move(lines)));
  return numbers;
}

uint32_t Locations::Of(const Frame& frame) {
  const auto [found, is_new] = of_frame_.try_emplace(frame, kNotShown);
  if (!is_new) return found->second;
  std::vector<const SourceFrame*> lines = names_->ShownAt(frame);
  if (lines.empty()) return kNotShown;
  found->second = static_cast<uint32_t>(locations_.size());
  locations_.push_back(
      {.address = frame.pc - 1, .module = frame.module, .lines = std::move(lines)});
  return found->second;
}

uint32_t Locations::Of(std::vector<const SourceFrame*> lines) {
  const auto [found, is_new] =
      of_lines_.try_emplace(std::move(lines), static_cast<uint32_t>(locations_.size()));
  if (is_new) locations_.push_back({.lines = found->first});
  return found->second;
}

std::vector<const SourceFrame*> RootFirst(const Locations& locations,
                                          const std::vector<uint32_t>& numbers) {
  std::vector<const SourceFrame*> frames;
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    const std::vector<const SourceFrame*>& lines = locations[*number].lines;
    frames.insert(frames.end(), lines.rbegin(), lines.rend());
  }
  return frames;
}

}  // namespace perfagent
