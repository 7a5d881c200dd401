#!/usr/bin/env bash
# work.sh PROGRAM-FILE FUNCTION: runs a function of a program of the matrix (run.sh), and offers it what follows.
# Environment: mode, agent, dumps, inputs, as run.sh says.
# shellcheck disable=SC2154
set -u

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

# WaitFor COMMAND...: waits for it to succeed.
WaitFor() {
  local try
  for ((try = 0; try < 600; ++try)); do
    "$@" > /dev/null 2>&1 && return
    sleep 0.1
  done
  echo "timed out waiting for: $*" >&2
  return 1
}

# A port of 127.0.0.1 that nobody listens on now.
FreePort() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

Prepare() { :; }
Clean() { :; }
# shellcheck source=/dev/null
source "$1"
"$2"
