#!/usr/bin/env bash
# work.sh PROGRAM-FILE FUNCTION: runs a function of a program of the matrix (run.sh), and offers it what follows.
# Environment: mode, agent, dumps, inputs, as run.sh says.
# shellcheck disable=SC2154
set -u
# shellcheck source=/dev/null
source "${BASH_SOURCE[0]%/*}/servers.sh"

watch=(env)
if [[ $mode != bare ]]; then
  watch+=(LD_PRELOAD="$agent" PERFAGENT_MODE="$mode" PERFAGENT_OUTPUT="$dumps/%e.%p.dump"
    PERFAGENT_MAX_SIZE=4G)
fi
servers=()
trap 'kill -INT "${servers[@]}" 2> /dev/null; wait' EXIT

# Watched COMMAND...: runs it, under the agent in the modes that have one.
Watched() { "${watch[@]}" "$@"; }

# Exits STATUS COMMAND...: runs a watched command; fails unless it exits so, with the agent or without.
Exits() {
  local expected=$1 status
  shift
  Watched "$@"
  status=$?
  echo "exit status $status"
  ((status == expected))
}

# Serve COMMAND...: a watched command in the background; leaves its pid in `server`.
Serve() {
  "${watch[@]}" "$@" &
  server=$!
  servers+=("$server")
}

# Stop SIGNAL: ends `server` and returns as it did.
Stop() {
  kill -s "$1" "$server"
  wait "$server"
}

Prepare() { :; }
Clean() { :; }
# shellcheck source=/dev/null
source "$1"
"$2"
