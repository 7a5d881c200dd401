# perfagent: build/libperfagent.so (the agent), build/analyzer, the samples and the tests.
#
#   make                 the agent and the analyzer
#   make deps            install what building and the demo need (Debian packages; SET=test|programs for the rest)
#   make demo            a real redis-server under the agent, loaded, stopped, reported on
#   make test            every test; the last line counts them
#   make test-walks      every call stack in the tests, compared with libunwind's
#   make test-programs   real programs without the agent and with it, one table (PROGRAMS="redis git" for some)
#   make screenshot      the pictures of the HTML report in README.md
#   make bench           the table of costs (WHAT="pairs locks" for parts of it, QUICK=1 to see that it works)
#   make lint | format   clang-format, clang-tidy (DEPTH=deep: longer paths; none: without it), cppcheck, shellcheck | rewrite in place
#   make install PREFIX=/usr/local DESTDIR=
#   make deb             the Debian package $(BUILD)/perfagent_VERSION_amd64.deb
#   make test-deb        that package checked by lintian, and installed and used in a system of its own (root; minutes)
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

# One short line per command; V=1 shows the whole.
ifeq ($(V),1)
Q =
else
Q = @echo "  $@" &&
endif

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all deps demo screenshot test test-programs test-walks test-deb bench lint format completions install deb clean samples tests

all: $(BUILD)/libperfagent.so $(BUILD)/analyzer

# ---- agent ----------------------------------------------------------------------------------------------------------
# -nodefaultlibs -lc: libc alone at run time. The hooks' tail jumps need -fno-plt, optimized sibling calls, and TLS that is
# one %fs-relative access; real.cc must not tail-call dlsym, which looks at its caller.
AGENT_SRC := $(wildcard agent/*.cc agent/unwind/*.cc)
AGENT_OBJ := $(AGENT_SRC:%.cc=$(BUILD)/%.o)
AGENT_CXXFLAGS := $(STD) $(OPT) -g $(WARN) $(INC) -I. -fPIC -fvisibility=hidden -fno-plt -fno-exceptions -fno-rtti \
  -fno-semantic-interposition -fno-stack-protector -ftls-model=initial-exec -fno-threadsafe-statics \
  -fasynchronous-unwind-tables -fno-builtin-malloc -fno-omit-frame-pointer
# Between the files, too: a tenth of an event's cost. Not of what is written in assembly, or looks at its caller; nor with
# clang, which would need another linker.
AGENT_LTO := $(if $(findstring clang,$(CXX)),,-flto=auto)
AGENT_LDFLAGS := $(OPT) $(AGENT_LTO) -shared -nodefaultlibs -lc -Wl,--version-script=agent/exports.map -Wl,-z,now -Wl,-z,nodelete \
  -Wl,-soname,libperfagent.so -Wl,--no-undefined -Wl,--as-needed

$(BUILD)/agent/%.o: agent/%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(AGENT_CXXFLAGS) $(AGENT_LTO) $(DEP) -c $< -o $@

$(addprefix $(BUILD)/agent/,real.o syscall_hooks.o wait_frame.o): AGENT_LTO :=
$(BUILD)/agent/real.o: AGENT_CXXFLAGS += -fno-optimize-sibling-calls
# Hooks are as short as they can be; everything else can be walked by frame pointers, too.
$(BUILD)/agent/%_hooks.o: AGENT_CXXFLAGS += -fomit-frame-pointer

$(BUILD)/libperfagent.so: $(AGENT_OBJ) agent/exports.map
	$(Q)$(CXX) $(AGENT_OBJ) $(AGENT_LDFLAGS) -o $@

# ---- analyzer -------------------------------------------------------------------------------------------------------
ANALYZER_SRC := $(wildcard analyzer/*.cc analyzer/*/*.cc)
ANALYZER_LIB_SRC := $(filter-out analyzer/main.cc,$(ANALYZER_SRC))
# Functions and lines are what a backtrace or a profile of it needs; types would be nine tenths of the file.
ANALYZER_CXXFLAGS := $(STD) $(OPT) -g1 $(WARN) $(INC) -I.
ABSL_LIBS := $(shell pkg-config --libs absl_flat_hash_map absl_str_format absl_strings 2>/dev/null)
ANALYZER_LIBS := -pthread -ldw -lelf -l:libiberty.a -lz -lzstd $(ABSL_LIBS)

ANALYZER_PCH := $(BUILD)/analyzer.d/precompiled.h
$(ANALYZER_PCH).gch: analyzer/precompiled.h
	$(if $(ABSL_LIBS),,$(error Debian packages are missing: run  make deps))
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ANALYZER_CXXFLAGS) $(DEP) -x c++-header $< -o $@

$(BUILD)/analyzer.d/%.o: analyzer/%.cc $(ANALYZER_PCH).gch
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ANALYZER_CXXFLAGS) -Winvalid-pch -include $(ANALYZER_PCH) $(DEP) -c $< -o $@

ANALYZER_LIB_OBJ := $(ANALYZER_LIB_SRC:analyzer/%.cc=$(BUILD)/analyzer.d/%.o)

$(BUILD)/analyzer: $(BUILD)/analyzer.d/main.o $(ANALYZER_LIB_OBJ)
	$(Q)$(CXX) $^ $(ANALYZER_LIBS) -o $@

# ---- the page of the HTML report ------------------------------------------------------------------------------------
# A file that all that writes reports is linked with. npm's packages lie below $(BUILD), in the versions of
# package-lock.json; scripts of theirs are not run.
PAGE := $(BUILD)/web/page.o
WEB_SRC := $(wildcard analyzer/web/*.mjs analyzer/web/*.html analyzer/web/src/*)
$(addprefix $(BUILD)/,analyzer tests/analyzer_test tests/e2e_test tests/reader_fuzz): $(PAGE)

# $(call npm_rule,directory of package.json,directory below $(BUILD))
define npm_rule
$(BUILD)/$(2)/node_modules/.installed: $(1)/package.json $(1)/package-lock.json
	$$(if $$(shell command -v npm),,$$(error node and npm are missing: run  make deps))
	@mkdir -p $(BUILD)/$(2) && cp $$^ $(BUILD)/$(2)
	$$(Q)npm ci --prefix $(BUILD)/$(2) --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@touch $$@
endef
$(eval $(call npm_rule,analyzer/web,web))
$(eval $(call npm_rule,tests/page,tests/page))

$(BUILD)/web/page.html: $(BUILD)/web/node_modules/.installed $(WEB_SRC)
	$(Q)NODE_PATH=$(abspath $(<D)) node analyzer/web/build.mjs $@

$(PAGE): $(BUILD)/web/page.html
	$(Q)(cd $(@D) && ld -r -b binary -z noexecstack -o $(@F) $(<F))

# ---- samples --------------------------------------------------------------------------------------------------------
# -O1 and no inlining across the functions that the truth line names: the names are part of the truth.
SAMPLE_SRC := $(wildcard samples/*.cc)
SAMPLES := $(SAMPLE_SRC:samples/%.cc=$(BUILD)/samples/%) \
  $(patsubst samples/plugin/%.cc,$(BUILD)/samples/lib%.so,$(wildcard samples/plugin/*.cc))
SAMPLES += $(BUILD)/samples/one_reserve_before
RUSTC := $(shell command -v rustc 2>/dev/null)
ifneq ($(RUSTC),)
SAMPLES += $(patsubst samples/%.rs,$(BUILD)/samples/%,$(wildcard samples/*.rs))
endif

samples: $(SAMPLES)
	@$(if $(RUSTC),,echo "rustc not found: samples/*.rs are left out")

$(BUILD)/samples/%: samples/%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(STD) -O1 -g $(WARN) $(INC) $(DEP) $< -o $@ -pthread -ldl $(SAMPLE_LIBS)

# The same program before somebody wrote the line that reserves.
$(BUILD)/samples/one_reserve_before: samples/one_reserve.cc samples/truth.h
	@mkdir -p $(@D)
	$(Q)(echo '#line 1 "samples/one_reserve.cc"' && grep -v 'reserve(' $<) | $(CXX) $(STD) -O1 -g $(WARN) -Isamples -x c++ - -o $@

$(BUILD)/samples/absl_mutex: SAMPLE_LIBS = $(shell pkg-config --libs absl_synchronization)

$(BUILD)/samples/lib%.so: samples/plugin/%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(STD) -O1 -g $(WARN) -shared -fPIC $(DEP) $< -o $@

$(BUILD)/samples/rust_%: samples/rust_%.rs
	@mkdir -p $(@D)
	$(Q)MAKEFLAGS= $(RUSTC) -g -O $< -o $@

# ---- tests ----------------------------------------------------------------------------------------------------------
# One binary per room; the rooms that can be sanitized are built a second time with ASan and UBSan, for their tests and for
# the fuzzers (hence clang), the agent's lock-free parts a third time with TSan. Hooks cannot be linked into a test: they
# would interpose the test itself.
TEST_CXXFLAGS := $(STD) -O1 -g1 $(WARN) $(INC) -I.
GTEST := -lgtest -lgtest_main -pthread
ASAN_CXX := clang++
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TSAN := -fsanitize=thread
AGENT_PART_SRC := agent/clock.cc agent/config.cc agent/live_filter.cc agent/live_set.cc agent/readings.cc agent/sandbox.cc agent/say.cc agent/stack_table.cc \
  agent/tickets.cc agent/wait_table.cc $(wildcard agent/unwind/*.cc)
AGENT_STREAM_SRC := $(addprefix agent/,agent_scope.cc counters.cc dump_writer.cc memory_use.cc process.cc sections.cc stream.cc)

# $(call object_rule,directory,compiler,flags[,below[,what else is needed]]): sources of any room, or of those below one, to
# $(BUILD)/directory.
define object_rule
$(BUILD)/$(1)/%.o: $(4)%.cc $(5)
	@mkdir -p $$(@D)
	$$(Q)$(2) $$(TEST_CXXFLAGS) $(3) $$(DEP) -c $$< -o $$@
endef
# $(call precompiled_rule,directory,flags,below,header): the same with clang, and a header compiled once.
define precompiled_rule
$(BUILD)/$(1)/precompiled.pch: $(4)
	@mkdir -p $$(@D)
	$$(Q)$(ASAN_CXX) $$(TEST_CXXFLAGS) $(2) $$(DEP) -fpch-instantiate-templates -x c++-header $$< -o $$@
$(call object_rule,$(1),$(ASAN_CXX),$(2) -include-pch $(BUILD)/$(1)/precompiled.pch,$(3),$(BUILD)/$(1)/precompiled.pch)
endef
# Of a test's own file counts how fast it compiles; what reads long reports for it is optimized.
$(eval $(call precompiled_rule,plain/tests/e2e,-O0,tests/e2e/,tests/support/precompiled.h))
$(eval $(call object_rule,plain,$(CXX),-O2))
$(eval $(call precompiled_rule,asan/tests/analyzer,-O0 -fsanitize=fuzzer-no-link $(ASAN),tests/analyzer/,tests/support/precompiled.h))
$(eval $(call precompiled_rule,asan/analyzer,-fsanitize=fuzzer-no-link $(ASAN),analyzer/,analyzer/precompiled.h))
$(eval $(call object_rule,asan,$(ASAN_CXX),-fsanitize=fuzzer-no-link $(ASAN)))
$(eval $(call object_rule,tsan,$(CXX),$(TSAN)))

# $(call objects,directory,sources)
objects = $(patsubst %.cc,$(BUILD)/$(1)/%.o,$(2))

INCLUDE_TEST_SRC := $(wildcard tests/include/*_test.cc)
AGENT_RACE_ONLY_SRC := tests/agent/stream_test.cc
AGENT_TEST_SRC := $(filter-out $(AGENT_RACE_ONLY_SRC),$(wildcard tests/agent/*_test.cc)) $(AGENT_PART_SRC)
AGENT_RACE_TEST_SRC := tests/agent/sampler_test.cc tests/agent/live_set_test.cc tests/agent/readings_test.cc tests/agent/stack_table_test.cc \
  tests/agent/tickets_test.cc tests/agent/wait_table_test.cc $(AGENT_RACE_ONLY_SRC) $(AGENT_PART_SRC) $(AGENT_STREAM_SRC)
# Tests last: of what several objects instantiate, the first one's code is linked, and theirs is not optimized.
ANALYZER_TEST_SRC := $(ANALYZER_LIB_SRC) $(addprefix tests/support/,dump_builder.cc analyze.cc process.cc report.cc) \
  $(wildcard tests/analyzer/*_test.cc)
E2E_TEST_SRC := $(addprefix tests/support/,process.cc report.cc behaviour.cc heaptrack.cc real_programs.cc disassembly.cc \
  last_releaser.cc) \
  $(wildcard tests/e2e/*_test.cc)

$(BUILD)/tests/include_test: $(call objects,asan,$(INCLUDE_TEST_SRC))
	@mkdir -p $(@D)
	$(Q)$(ASAN_CXX) $(ASAN) $^ $(GTEST) -o $@
$(BUILD)/tests/agent_test: $(call objects,asan,$(AGENT_TEST_SRC))
	@mkdir -p $(@D)
	$(Q)$(ASAN_CXX) $(ASAN) $^ $(GTEST) -lunwind -o $@
$(BUILD)/tests/agent_race_test: $(call objects,tsan,$(AGENT_RACE_TEST_SRC))
	@mkdir -p $(@D)
	$(Q)$(CXX) $(TSAN) $^ $(GTEST) -o $@
$(BUILD)/tests/analyzer_test: $(call objects,asan,$(ANALYZER_TEST_SRC)) | $(BUILD)/analyzer
	@mkdir -p $(@D)
	$(Q)$(ASAN_CXX) $(ASAN) $^ $(GTEST) $(ANALYZER_LIBS) -o $@
$(BUILD)/tests/e2e_test: $(call objects,plain,$(E2E_TEST_SRC)) $(ANALYZER_LIB_OBJ)
	@mkdir -p $(@D)
	$(Q)$(CXX) $^ $(GTEST) $(ANALYZER_LIBS) -o $@

# The fuzzers of the reader, of the symbolizer and of the codec.
FUZZER = $(Q)$(ASAN_CXX) -fsanitize=fuzzer $(ASAN) $^ $(ANALYZER_LIBS) -o $@
$(BUILD)/tests/reader_fuzz: $(call objects,asan,tests/fuzz/reader_fuzz.cc tests/support/dump_builder.cc tests/support/analyze.cc \
  $(ANALYZER_LIB_SRC))
	@mkdir -p $(@D)
	$(FUZZER)
$(BUILD)/tests/elf_fuzz: $(call objects,asan,tests/fuzz/elf_fuzz.cc $(wildcard analyzer/symbols/*.cc) analyzer/dump/regular_file.cc)
	@mkdir -p $(@D)
	$(FUZZER)
$(BUILD)/tests/codec_fuzz: $(call objects,asan,tests/fuzz/codec_fuzz.cc)
	@mkdir -p $(@D)
	$(FUZZER)

# The agent with an observer of its walks: everything but the observed file is the library's own code.
CHECKED := $(BUILD)/tests/libperfagent_checked.so
CHECKED_OBJ := $(addprefix $(BUILD)/checked/,agent/call_stack.o tests/agent/walk_check.o)
$(BUILD)/checked/%.o: %.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(AGENT_CXXFLAGS) $(AGENT_LTO) -DPERFAGENT_OBSERVE_WALKS $(DEP) -c $< -o $@
$(CHECKED): $(filter-out $(BUILD)/agent/call_stack.o,$(AGENT_OBJ)) $(CHECKED_OBJ) agent/exports.map
	@mkdir -p $(@D)
	$(Q)$(CXX) $(filter %.o,$^) $(AGENT_LDFLAGS) -o $@

# One program built with many compilers' many options, for the walks over its frames. Frames that only exceptions and
# longjmp leave look like endless recursion to a compiler.
SHAPE_gcc_O0 := g++ -O0
SHAPE_gcc_O1_no_plt := g++ -O1 -fno-plt
SHAPE_gcc_O2 := g++ -O2
SHAPE_gcc_O2_frame_pointer := g++ -O2 -fno-omit-frame-pointer
SHAPE_gcc_O2_no_pie := g++ -O2 -fno-pie -no-pie
SHAPE_gcc_O2_protected := g++ -O2 -fcf-protection=full -fstack-protector-all -fstack-clash-protection -Wl,-z,lazy
SHAPE_gcc_O2_realigned := g++ -O2 -mstackrealign -mforce-drap
SHAPE_gcc_O3_avx := g++ -O3 -mavx
SHAPE_gcc_O3_avx_frame_pointer := g++ -O3 -mavx -fno-omit-frame-pointer -fno-plt
SHAPE_gcc_Os_synchronous := g++ -Os -fno-asynchronous-unwind-tables
SHAPE_clang_O0 := clang++ -O0
SHAPE_clang_O1_frame_pointer := clang++ -O1 -fno-omit-frame-pointer
SHAPE_clang_O2_no_plt := clang++ -O2 -fno-plt
SHAPE_clang_O2_avx_protected := clang++ -O2 -mavx -fcf-protection=full -fstack-protector-all
SHAPE_clang_O3_avx_no_pie := clang++ -O3 -mavx -fno-pie -no-pie
STACK_SHAPES := $(patsubst SHAPE_%,$(BUILD)/tests/programs/stack_shapes_%,$(filter SHAPE_%,$(.VARIABLES)))
$(STACK_SHAPES): $(BUILD)/tests/programs/stack_shapes_%: tests/e2e/programs/own/stack_shapes.cc
	@mkdir -p $(@D)
	$(Q)$(SHAPE_$*) $(STD) -g $(WARN) $(INC) -I. -fno-builtin -Wno-infinite-recursion $(DEP) $< -o $@ -pthread

# Programs that the end-to-end tests run under the agent, and the libraries that these load or that are preloaded with it.
HEAP_FAMILIES := $(addprefix $(BUILD)/tests/programs/heap_family_,glibc jemalloc tcmalloc mimalloc bump static_jemalloc)
TEST_LIBRARY_SRC := $(wildcard tests/e2e/programs/library/*.cc)
TEST_PROGRAMS := $(patsubst tests/e2e/programs/%.cc,$(BUILD)/tests/programs/%,$(wildcard tests/e2e/programs/*.cc)) \
  $(patsubst tests/e2e/programs/library/%.cc,$(BUILD)/tests/programs/lib%.so,$(TEST_LIBRARY_SRC)) \
  $(HEAP_FAMILIES) $(STACK_SHAPES) $(addprefix $(BUILD)/tests/programs/,leaf_static sub/libhidden.so)
TEST_PROGRAM_CXXFLAGS := $(STD) -O1 -g $(WARN) $(INC) -I. -fno-builtin
$(BUILD)/tests/programs/%: tests/e2e/programs/%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(TEST_PROGRAM_CXXFLAGS) $(DEP) $(TEST_PROGRAM_LDFLAGS) $< -o $@ -pthread -ldl
# Its clock_gettime is the agent's too, and libstdc++, which allocates at its start, is not loaded.
$(BUILD)/tests/programs/population: TEST_PROGRAM_LDFLAGS := -rdynamic -Wl,--as-needed
TEST_LIBRARY = $(Q)$(CXX) $(TEST_PROGRAM_CXXFLAGS) -shared -fPIC $(DEP) $< -o $@ $(TEST_LIBRARY_LDFLAGS)
$(BUILD)/tests/programs/lib%.so: tests/e2e/programs/library/%.cc
	@mkdir -p $(@D)
	$(TEST_LIBRARY)
$(BUILD)/tests/programs/sub/lib%.so: tests/e2e/programs/library/sub/%.cc
	@mkdir -p $(@D)
	$(TEST_LIBRARY)
$(BUILD)/tests/programs/libcaller.so: TEST_LIBRARY_LDFLAGS := -Wl,--enable-new-dtags,-rpath,'$$ORIGIN/sub'

$(BUILD)/tests/programs/leaf_static: tests/e2e/programs/leaf.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(TEST_PROGRAM_CXXFLAGS) -static $(DEP) $< -o $@

# The same program with allocators that it is linked with, or that are part of it.
HEAP_FAMILY_jemalloc := -ljemalloc
HEAP_FAMILY_tcmalloc := -ltcmalloc_minimal
HEAP_FAMILY_mimalloc := -lmimalloc
HEAP_FAMILY_bump := tests/e2e/programs/own/bump.cc
HEAP_FAMILY_static_jemalloc := -l:libjemalloc.a -lm
$(HEAP_FAMILIES): $(BUILD)/tests/programs/heap_family_%: tests/e2e/programs/own/heap_family.cc tests/e2e/programs/own/bump.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(TEST_PROGRAM_CXXFLAGS) $(DEP) $< -o $@ -Wl,--no-as-needed $(HEAP_FAMILY_$*) -pthread -ldl

# What benchmarks run: pairs of calls, the least that a preload can cost, parts of the agent on their own.
$(BUILD)/bench/pair $(BUILD)/bench/contention: $(BUILD)/bench/%: tests/bench/%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(STD) -O2 -g -fno-builtin-malloc $(WARN) $(DEP) $< -o $@ -pthread
$(BUILD)/bench/libfloor.so: tests/bench/floor.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(STD) -O2 -g -shared -fPIC -fno-plt -fvisibility=hidden -fno-builtin-malloc $(WARN) $(DEP) $< -o $@
$(eval $(call object_rule,fast,$(CXX),-O2))
$(BUILD)/bench/units: $(call objects,fast,tests/bench/units.cc) $(patsubst %.cc,$(BUILD)/%.o,$(AGENT_PART_SRC) $(AGENT_STREAM_SRC))
	@mkdir -p $(@D)
	$(Q)$(CXX) $^ -lbenchmark -pthread -o $@
BENCH := $(addprefix $(BUILD)/bench/,pair contention libfloor.so units)

TESTS := $(addprefix $(BUILD)/tests/,e2e_test analyzer_test include_test agent_test agent_race_test)
FUZZERS := $(addprefix $(BUILD)/tests/,reader_fuzz elf_fuzz codec_fuzz)
FUZZ_SECONDS ?= 20

tests: all samples $(TESTS) $(TEST_PROGRAMS) $(CHECKED) $(FUZZERS) $(BENCH) $(BUILD)/tests/page/node_modules/.installed

test: tests
	BUILD_DIR=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run.sh $(TESTS)

# Every stack that is taken, beside libunwind: minutes, where `make test` compares one in a thousand of long runs.
test-walks: all samples $(TEST_PROGRAMS) $(CHECKED) $(BUILD)/tests/e2e_test
	BUILD_DIR=$(BUILD) PERFAGENT_CHECK_WALKS=1 $(BUILD)/tests/e2e_test --gtest_filter='*Walks*'

# Each with and without the agent; all of them take some minutes.
test-programs: all
	BUILD_DIR=$(BUILD) tests/programs/run.sh $(PROGRAMS)

# ---- lint -----------------------------------------------------------------------------------------------------------
SOURCES := $(wildcard agent/*.cc agent/*/*.cc analyzer/*.cc analyzer/*/*.cc tests/*/*.cc tests/e2e/programs/*.cc \
  tests/e2e/programs/*/*.cc tests/e2e/programs/*/*/*.cc samples/*.cc samples/plugin/*.cc)
HEADERS := $(wildcard include/perfagent/*.h agent/*.h agent/*/*.h analyzer/*.h analyzer/*/*.h tests/*/*.h \
  tests/e2e/programs/*.h samples/*.h)
SCRIPTS := scripts/perfagent scripts/demo scripts/deps scripts/deb/build.sh scripts/deb/try.sh tests/run.sh tests/golden/record.sh .ci/run \
  $(wildcard tests/bench/*.sh tests/scripts/*.sh tests/programs/*.sh tests/programs/*/*.sh)
# How far clang's analyzer follows calls: "deep" takes twice as long, "none" leaves clang-tidy out.
DEPTH ?= shallow
TIDIED = $(if $(filter none,$(DEPTH)),,$(wildcard agent/*.cc agent/*/*.cc analyzer/*.cc analyzer/*/*.cc))
TIDY_OK = $(patsubst %.cc,$(BUILD)/tidy/$(DEPTH)/%.ok,$(TIDIED))

# With the compiler's own flags: what clang warns of is an error, too. Again whenever the object was made again.
define tidy_rule
$(BUILD)/tidy/$$(DEPTH)/$(1)/%.ok: $(1)/%.cc $(BUILD)/$(2)/%.o .clang-tidy
	@mkdir -p $$(@D)
	$$(Q)clang-tidy --quiet $$< -- $(3) -Xclang -analyzer-config -Xclang mode=$$(DEPTH) 2>/dev/null
	@touch $$@
endef
$(eval $(call tidy_rule,agent,agent,$(AGENT_CXXFLAGS)))
$(eval $(call tidy_rule,analyzer,analyzer.d,$(ANALYZER_CXXFLAGS)))

lint: $(TIDY_OK)
	@clang-format --dry-run -Werror $(SOURCES) $(HEADERS)
	cppcheck --quiet --std=c++20 --language=c++ --enable=warning,performance,portability --error-exitcode=1 \
	  --inline-suppr --suppressions-list=.cppcheck-suppressions $(INC) -I. agent analyzer samples
	shellcheck $(SCRIPTS)
	perl -wc scripts/compare.pl
	perl -wc scripts/completions/make.pl

format:
	@clang-format -i $(SOURCES) $(HEADERS)

# ---- the rest -------------------------------------------------------------------------------------------------------
SET ?= build
deps:
	scripts/deps $(SET)

demo:
	scripts/deps build
	$(MAKE) all
	BUILD_DIR=$(BUILD) scripts/demo

# The README's pictures: the page of a real redis-server.
screenshot: all $(BUILD)/tests/page/node_modules/.installed
	BUILD_DIR=$(BUILD) scripts/demo >/dev/null
	$(BUILD)/analyzer report --format html -o $(BUILD)/demo/page.html $(BUILD)/demo
	export NODE_PATH=$(abspath $(BUILD))/tests/page/node_modules CHROMIUM=$$(command -v chromium-headless-shell || command -v chromium) && \
	  node tests/page/screenshot.mjs $(BUILD)/demo/page.html analyzer/web/page.png && \
	  node tests/page/screenshot.mjs $(BUILD)/demo/page.html analyzer/web/flame.png '#view=flame'

bench: all $(BENCH)
	BUILD_DIR=$(BUILD) tests/bench/bench.sh $(WHAT)

# By what --help says: they cannot differ from it.
COMPLETIONS := $(BUILD)/completions
$(COMPLETIONS)/made: scripts/completions/make.pl scripts/perfagent $(BUILD)/analyzer
	$(Q)perl scripts/completions/make.pl scripts/perfagent $(BUILD)/analyzer $(COMPLETIONS)
	@touch $@
completions: $(COMPLETIONS)/made

# Where there is a choice. scripts/perfagent looks for the agent in $(PREFIX)/lib and $(PREFIX)/lib/perfagent.
LIBDIR  ?= $(PREFIX)/lib
DATADIR ?= $(PREFIX)/share
MANDIR  ?= $(DATADIR)/man
BASHDIR ?= $(DATADIR)/bash-completion/completions
ZSHDIR  ?= $(DATADIR)/zsh/site-functions
FISHDIR ?= $(DATADIR)/fish/vendor_completions.d

# $(call put,mode,files,directory)
put = install -d $(DESTDIR)$(3) && install -m $(1) $(2) $(DESTDIR)$(3)
install: all completions
	$(call put,755,$(BUILD)/analyzer scripts/perfagent,$(PREFIX)/bin)
	$(call put,755,scripts/compare.pl,$(PREFIX)/libexec/perfagent)
	$(call put,755,$(BUILD)/libperfagent.so,$(LIBDIR))
	$(call put,644,$(wildcard include/perfagent/*.h),$(PREFIX)/include/perfagent)
	$(call put,644,$(wildcard scripts/man/*.1),$(MANDIR)/man1)
	$(call put,644,$(wildcard scripts/man/*.7),$(MANDIR)/man7)
	$(call put,644,$(addprefix $(COMPLETIONS)/bash/,perfagent analyzer),$(BASHDIR))
	$(call put,644,$(addprefix $(COMPLETIONS)/zsh/_,perfagent analyzer),$(ZSHDIR))
	$(call put,644,$(addprefix $(COMPLETIONS)/fish/,perfagent.fish analyzer.fish),$(FISHDIR))

deb: all completions
	BUILD_DIR=$(BUILD) scripts/deb/build.sh

test-deb: deb
	BUILD_DIR=$(BUILD) scripts/deb/try.sh

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)

clean:
	rm -rf $(BUILD)
