# shellcheck shell=bash disable=SC2034,SC2154  # sourced by bench.sh
# tools.sh: what a program is run under, and what each tool is compared with.
#
#   bare                the program alone
#   floor               tests/bench/floor.cc: the least a preload can cost
#   sample, full        the agent's default mode; every event
#   unsampled           the agent's default mode, with an interval that no run reaches: the fast path alone
#   heaptrack           a tracer of every allocation
#   gprofng             a tracer of waits for locks, of those longer than its threshold
#   jemalloc, tcmalloc  other allocators, and with their own samplers of one allocation in 512 KiB:
#   jemalloc+s, tcmalloc+s

libraries=/usr/lib/x86_64-linux-gnu
# What the tool that is in use writes.
recorded=$work/recorded

# The tool that a tool's cost is added to.
BaseOf() {
  case $1 in
    jemalloc*) echo jemalloc ;;
    tcmalloc*) echo tcmalloc ;;
    *) echo bare ;;
  esac
}

# JemallocRefuses SETTING: one that it was built without.
JemallocRefuses() {
  MALLOC_CONF=$1 LD_PRELOAD=$libraries/libjemalloc.so.2 true 2>&1 | grep -q 'Invalid conf'
}

# Prints why a tool cannot be run.
WhyMissing() {
  case $1 in
    heaptrack | gprofng) type -P "$1" > /dev/null || echo "not installed" ;;
    jemalloc) [[ -e $libraries/libjemalloc.so.2 ]] || echo "not installed" ;;
    jemalloc+s) if JemallocRefuses prof:true; then echo "not built in"; else WhyMissing jemalloc; fi ;;
    tcmalloc*) [[ -e $libraries/libtcmalloc.so.4 ]] || echo "not installed" ;;
  esac
}

# Use TOOL: leaves in `under` what comes before the command.
Use() {
  rm -rf "$recorded"
  mkdir "$recorded"
  local agent_settings=(LD_PRELOAD="$build/libperfagent.so" PERFAGENT_OUTPUT="$recorded/%e.%p.dump"
    PERFAGENT_MAX_SIZE=16G)
  case $1 in
    bare) under=(env) ;;
    floor) under=(env LD_PRELOAD="$build/bench/libfloor.so") ;;
    sample | full) under=(env "${agent_settings[@]}" PERFAGENT_MODE="$1") ;;
    unsampled) under=(env "${agent_settings[@]}" PERFAGENT_INTERVAL=1T) ;;
    heaptrack) under=(heaptrack -o "$recorded/heaptrack") ;;
    gprofng) under=(gprofng collect app -p off -s on -o "$recorded/experiment.er") ;;
    jemalloc) under=(env LD_PRELOAD="$libraries/libjemalloc.so.2") ;;
    jemalloc+s) under=(env LD_PRELOAD="$libraries/libjemalloc.so.2" MALLOC_CONF="prof:true,lg_prof_sample:19") ;;
    tcmalloc) under=(env LD_PRELOAD="$libraries/libtcmalloc.so.4" TCMALLOC_SAMPLE_PARAMETER=0) ;;
    tcmalloc+s) under=(env LD_PRELOAD="$libraries/libtcmalloc.so.4" TCMALLOC_SAMPLE_PARAMETER=524288) ;;
  esac
}

# The agent says on stderr when it lost something, or could not record: a number that was measured so is not one.
WhatTheAgentSaid() { grep -ahm1 '^perfagent: ' "$work/errors"; }
