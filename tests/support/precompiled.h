// precompiled.h: what most files of the sanitized analyzer and of its tests read, compiled once. The analyzer that people use
// is built without it, so each of its files must name what it uses. (No "#pragma once" in what is compiled on its own.)

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <thread>
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
