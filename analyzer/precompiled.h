// precompiled.h: headers that most files of the analyzer read, compiled once: a quarter of a build would go to them. Files name
// what they use all the same; clang-tidy reads them without it. (No "#pragma once" in what is compiled on its own.)

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analyzer/findings/heap_findings.h"
#include "analyzer/findings/lock_findings.h"
#include "analyzer/replay/block_replay.h"
#include "analyzer/replay/load_profile.h"
#include "analyzer/report/report_input.h"
#include "analyzer/report/text_values.h"
#include "analyzer/symbols/symbolizer.h"
