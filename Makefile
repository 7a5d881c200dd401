# perfagent: build/libperfagent.so (the agent), build/analyzer, the samples and the tests.
#
#   make                 the agent and the analyzer
#   make deps            install what building and the demo need (Debian packages; SET=test|programs for the rest)
#   make demo            a real redis-server under the agent, loaded, stopped, reported on
#   make test            every test; the last line counts them
#   make bench           the tables of costs
#   make lint | format   clang-format, clang-tidy, cppcheck, shellcheck | rewrite in place
#   make install PREFIX=/usr/local DESTDIR=
#
# One makefile, no recursion, everything below $(BUILD). CXX=clang++ works too.

BUILD  ?= build
PREFIX ?= /usr/local
CXX    ?= g++
ifeq ($(origin CXX),default)
CXX := g++
endif
OPT    ?= -O2

WARN := -Wall -Wextra -Werror
STD  := -std=c++20
INC  := -Iinclude
DEP  := -MMD -MP

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all deps demo test bench lint format install clean samples tests

all: $(BUILD)/libperfagent.so $(BUILD)/analyzer

# ---- agent ----------------------------------------------------------------------------------------------------------
# -nodefaultlibs -lc: libc alone at run time. The hooks' tail jumps need -fno-plt, optimized sibling calls, and TLS that is
# one %fs-relative access; real.cc must not tail-call dlsym, which looks at its caller.
AGENT_SRC := $(wildcard agent/*.cc agent/unwind/*.cc)
AGENT_OBJ := $(AGENT_SRC:%.cc=$(BUILD)/%.o)
AGENT_CXXFLAGS := $(STD) $(OPT) -g $(WARN) $(INC) -I. -fPIC -fvisibility=hidden -fno-plt -fno-exceptions -fno-rtti \
  -fno-semantic-interposition -fno-stack-protector -ftls-model=initial-exec -fno-threadsafe-statics \
  -fasynchronous-unwind-tables -fno-builtin-malloc -fno-omit-frame-pointer
AGENT_LDFLAGS := -shared -nodefaultlibs -lc -Wl,--version-script=agent/exports.map -Wl,-z,now -Wl,-z,nodelete \
  -Wl,-soname,libperfagent.so -Wl,--no-undefined -Wl,--as-needed

$(BUILD)/agent/%.o: agent/%.cc
	@mkdir -p $(@D)
	$(CXX) $(AGENT_CXXFLAGS) $(DEP) -c $< -o $@

$(BUILD)/agent/real.o: AGENT_CXXFLAGS += -fno-optimize-sibling-calls

$(BUILD)/libperfagent.so: $(AGENT_OBJ) agent/exports.map
	$(CXX) $(AGENT_OBJ) $(AGENT_LDFLAGS) -o $@

# ---- analyzer -------------------------------------------------------------------------------------------------------
ANALYZER_SRC := $(wildcard analyzer/*.cc analyzer/*/*.cc)
ANALYZER_LIB_SRC := $(filter-out analyzer/main.cc,$(ANALYZER_SRC))
ANALYZER_CXXFLAGS := $(STD) $(OPT) -g $(WARN) $(INC) -I.
ABSL_LIBS := $(shell pkg-config --libs absl_flat_hash_map absl_str_format 2>/dev/null)
ANALYZER_LIBS := -ldw -lelf -l:libiberty.a $(ABSL_LIBS)

$(BUILD)/analyzer.d/%.o: analyzer/%.cc
	@mkdir -p $(@D)
	$(CXX) $(ANALYZER_CXXFLAGS) $(DEP) -c $< -o $@

ANALYZER_LIB_OBJ := $(ANALYZER_LIB_SRC:analyzer/%.cc=$(BUILD)/analyzer.d/%.o)

$(BUILD)/analyzer: $(BUILD)/analyzer.d/main.o $(ANALYZER_LIB_OBJ)
	$(CXX) $^ $(ANALYZER_LIBS) -o $@

# ---- samples --------------------------------------------------------------------------------------------------------
# -O1 and no inlining across the functions that the truth line names: the names are part of the truth.
SAMPLE_SRC := $(wildcard samples/*.cc)
SAMPLES := $(SAMPLE_SRC:samples/%.cc=$(BUILD)/samples/%) $(BUILD)/samples/libplugin.so
RUSTC := $(shell command -v rustc 2>/dev/null)
ifneq ($(RUSTC),)
SAMPLES += $(BUILD)/samples/rust_leak
endif

samples: $(SAMPLES)

$(BUILD)/samples/%: samples/%.cc
	@mkdir -p $(@D)
	$(CXX) $(STD) -O1 -g $(WARN) $(DEP) $< -o $@ -pthread -ldl

$(BUILD)/samples/libplugin.so: samples/plugin/plugin.cc
	@mkdir -p $(@D)
	$(CXX) $(STD) -O1 -g $(WARN) -shared -fPIC $(DEP) $< -o $@

$(BUILD)/samples/rust_leak: samples/rust_leak.rs
	@mkdir -p $(@D)
	$(RUSTC) -g -O $< -o $@

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)

clean:
	rm -rf $(BUILD)
