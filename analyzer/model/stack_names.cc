#include "analyzer/model/stack_names.h"

#include <algorithm>
#include <memory>

#include "analyzer/model/frame_kinds.h"
#include "analyzer/model/function_names.h"

namespace perfagent {
namespace {

const std::string kNoPath;

// The first of the highest rank; null of none.
const SourceFrame* Best(std::span<const SourceFrame* const> frames) {
  const auto best = std::max_element(
      frames.begin(), frames.end(),
      [](const SourceFrame* a, const SourceFrame* b) { return PlaceRank(*a) < PlaceRank(*b); });
  return best == frames.end() ? nullptr : *best;
}

}  // namespace

void StackNames::ReadAhead() const {
  for (const Frame& frame : process_.FrameOfEachModule()) {
    if (process_.NamesAt(frame.pc) == nullptr && IsRuntimeModule(ModulePath(frame)))
      symbolizer_->ReadAhead(process_.modules()[frame.module->value()], frame.pc - 1);
  }
}

void StackNames::Show(NameStyle style) {
  style_ = std::move(style);
  is_hidden_.clear();
}

const SourceFrame* StackNames::ShortOf(const SourceFrame& frame) {
  if (!style_.shortens_templates || frame.function.find('<') == std::string::npos) return &frame;
  const auto [found, is_new] = short_.try_emplace(&frame);
  if (is_new) {
    found->second = frame;
    found->second.function = WithoutTemplateArguments(frame.function);
  }
  return &found->second;
}

const SourceFrame* StackNames::Shown(const SourceFrame& frame) {
  if (style_.hides) {
    const auto [found, is_new] = is_hidden_.try_emplace(&frame);
    if (is_new) found->second = style_.hides(frame);
    if (found->second) return nullptr;
  }
  return ShortOf(frame);
}

bool StackNames::AnyAt(const Frame& frame, absl::FunctionRef<bool(const SourceFrame&)> predicate) {
  if (IsAgentModule(ModulePath(frame))) return false;
  const std::vector<SourceFrame>& sources = *FramesAt(frame);
  return std::any_of(sources.begin(), sources.end(), predicate);
}

std::vector<const SourceFrame*> StackNames::Frames(StackId stack) {
  if (IsMade(stack)) return made_.Frames(NumberOf(stack));
  std::vector<const SourceFrame*> frames;
  for (const Frame& frame : process_.Frames(stack)) AppendShown(frame, &frames);
  return frames;
}

std::vector<const SourceFrame*> StackNames::ShownAt(const Frame& frame) {
  std::vector<const SourceFrame*> frames;
  AppendShown(frame, &frames);
  return frames;
}

void StackNames::AppendShown(const Frame& frame, std::vector<const SourceFrame*>* frames) {
  if (IsAgentModule(ModulePath(frame))) return;
  for (const SourceFrame& source : *FramesAt(frame)) {
    if (const SourceFrame* shown = Shown(source)) frames->push_back(shown);
  }
}

const std::vector<SourceFrame>* StackNames::FramesAt(const Frame& frame) {
  if (const auto* recorded = process_.NamesAt(frame.pc)) return recorded;
  std::unique_ptr<std::vector<SourceFrame>>& slot = frames_[frame];
  if (slot == nullptr) {
    const ModuleImage* module = frame.module ? &process_.modules()[frame.module->value()] : nullptr;
    slot = std::make_unique<std::vector<SourceFrame>>(symbolizer_->Resolve(module, frame.pc - 1));
  }
  return slot.get();
}

std::string StackNames::SymbolName(const Frame& frame) {
  if (const auto* recorded = process_.NamesAt(frame.pc)) return recorded->back().function;
  if (!frame.module) return "";
  const auto [entry, is_new] = symbols_.try_emplace(frame);
  if (is_new) {
    const ModuleImage& module = process_.modules()[frame.module->value()];
    entry->second = symbolizer_->SymbolName(module, frame.pc - 1);
  }
  return entry->second;
}

const SourceFrame* StackNames::Headline(StackId stack) {
  if (IsMade(stack)) return Best(made_.Frames(NumberOf(stack)));
  const SourceFrame* best = nullptr;
  int best_rank = 0;
  for (const Frame& frame : process_.Frames(stack)) {
    if (IsAgentModule(ModulePath(frame))) continue;
    for (const SourceFrame& source : *FramesAt(frame)) {
      const SourceFrame* shown = Shown(source);
      if (shown == nullptr) continue;
      const int rank = PlaceRank(*shown);
      if (best == nullptr || rank > best_rank) {
        best = shown;
        best_rank = rank;
      }
      // Those further out are not even looked up.
      if (rank == kBestPlaceRank) return best;
    }
  }
  return best;
}

const SourceFrame* StackNames::Headline(uint64_t return_address) {
  std::vector<const SourceFrame*> frames;
  for (const SourceFrame& source :
       *FramesAt({return_address, process_.ModuleAt(return_address - 1)})) {
    frames.push_back(ShortOf(source));
  }
  return Best(frames);
}

uint64_t StackNames::MakeAddress(const SourceFrame& frame) {
  const auto [found, is_new] = made_addresses_.try_emplace(frame, next_made_address_);
  if (is_new) {
    frames_[Frame{next_made_address_++, std::nullopt}] =
        std::make_unique<std::vector<SourceFrame>>(1, frame);
  }
  return found->second;
}

uint64_t StackNames::MakeData(const std::string& name) {
  made_data_[next_made_address_] = name;
  return next_made_address_++;
}

std::string StackNames::DataName(uint64_t address) {
  if (IsMade(address)) {
    const auto made = made_data_.find(address);
    return made == made_data_.end() ? "" : made->second;
  }
  const std::optional<ModuleId> module = process_.ModuleAt(address);
  if (!module) return "";
  return symbolizer_->ResolveData(process_.modules()[module->value()], address);
}

const std::string& StackNames::ModulePath(const Frame& frame) const {
  if (const auto* recorded = process_.NamesAt(frame.pc)) return recorded->back().module;
  return frame.module ? process_.modules()[frame.module->value()].path : kNoPath;
}

}  // namespace perfagent
