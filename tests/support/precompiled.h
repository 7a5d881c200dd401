// precompiled.h: what most tests of the analyzer and of whole programs read, compiled once.
// (No "#pragma once" in what is compiled on its own.)

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "analyzer/precompiled.h"
