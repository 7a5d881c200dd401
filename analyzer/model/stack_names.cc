#include "analyzer/model/stack_names.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <memory>
#include <string_view>

#include "analyzer/model/frame_kinds.h"

namespace perfagent {
namespace {

constexpr const char* kPlumbingPrefixes[] = {
    "std::",        "__gnu_cxx::",
    "operator new", "operator delete",
    "__gthread_",   "absl::Mutex",
    "boost::mutex", "tbb::",
    "alloc::",      "core::",
    "__rust_",      "__rdl_",
    "hashbrown::",  "boost::container::",
};
constexpr const char* kPlumbingNames[] = {
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "free",
    "cfree",
    "free_sized",
    "strdup",
    "__strdup",
    "strndup",
    "__strndup",
    "pthread_mutex_lock",
    "pthread_mutex_trylock",
    "pthread_mutex_timedlock",
    "pthread_mutex_clocklock",
};

// Where a thread begins: on every stack, and never the place.
constexpr const char* kStartNames[] = {
    "__libc_start_call_main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "_start",
    "start_thread",
    "clone3",
    "__clone3",
    "clone",
};
// Wrappers that programs put around the allocator: zmalloc, sqlite3Malloc, g_realloc, xstrdup.
constexpr const char* kWrapperWords[] = {"malloc", "calloc", "realloc", "memalign", "strdup"};

const std::string kNoPath;

bool IsWrapper(const std::string& function) {
  std::string name = QualifiedName(function);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return tolower(c); });
  return std::any_of(std::begin(kWrapperWords), std::end(kWrapperWords),
                     [&](const char* word) { return name.find(word) != std::string::npos; });
}

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

bool IsStart(const std::string& function) {
  return std::find(std::begin(kStartNames), std::end(kStartNames), function) !=
         std::end(kStartNames);
}

// How well a frame answers "where?": the program's own function, a wrapper, code without a name, that of libc, the rest.
constexpr int kBestRank = 4;
int HeadlineRank(const SourceFrame& frame) {
  if (IsPlumbing(frame.function) || IsStart(frame.function)) return 0;
  if (IsRuntimeModule(frame.module)) return 1;
  if (IsNameless(frame)) return 2;
  return IsWrapper(frame.function) ? 3 : kBestRank;
}

// The first of the highest rank; null of none.
const SourceFrame* Best(std::span<const SourceFrame* const> frames) {
  const auto best = std::max_element(frames.begin(), frames.end(),
                                     [](const SourceFrame* a, const SourceFrame* b) {
                                       return HeadlineRank(*a) < HeadlineRank(*b);
                                     });
  return best == frames.end() ? nullptr : *best;
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

bool IsAgent(const std::string& module) {
  return BaseName(module).rfind("libperfagent.so", 0) == 0;
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

bool IsPlumbing(const std::string& function) {
  const std::string name = QualifiedName(function);
  return std::any_of(std::begin(kPlumbingNames), std::end(kPlumbingNames),
                     [&](const char* plumbing) { return name == plumbing; }) ||
         std::any_of(std::begin(kPlumbingPrefixes), std::end(kPlumbingPrefixes),
                     [&](const char* prefix) { return name.rfind(prefix, 0) == 0; });
}

bool IsOwnCode(const std::string& function) { return !IsPlumbing(function) && !IsStart(function); }

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

void StackNames::Show(NameStyle style) {
  style_ = std::move(style);
  is_hidden_.clear();
  short_.clear();
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
  if (IsAgent(ModulePath(frame))) return false;
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
  if (IsAgent(ModulePath(frame))) return;
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
    if (IsAgent(ModulePath(frame))) continue;
    for (const SourceFrame& source : *FramesAt(frame)) {
      const SourceFrame* shown = Shown(source);
      if (shown == nullptr) continue;
      const int rank = HeadlineRank(*shown);
      if (best == nullptr || rank > best_rank) {
        best = shown;
        best_rank = rank;
      }
      // Those further out are not even looked up.
      if (rank == kBestRank) return best;
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
