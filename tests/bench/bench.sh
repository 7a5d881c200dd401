#!/usr/bin/env bash
# The table of costs: what the agent adds, beside a program alone, the least a preload can cost, and other tools.
#
#   bench.sh [PART...]     pairs locks startup units instructions memory recordings programs, or these
#
# Nothing is asserted. The tools take turns, round by round. Environment: BUILD_DIR; QUICK=1 only shows that everything
# works; ROUNDS, MILLISECONDS of a pair's measurement, PROGRAM_ROUNDS and SECONDS_PER_RUN of programs, STARTUPS;
# CLOCK=cpu for pairs on a busy machine (waiting does not count then); TMPDIR for dumps and the programs' own files.
set -u
shopt -s extglob
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${BUILD_DIR:-build}
case $build in /*) ;; *) build=$root/$build ;; esac
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C.UTF-8
unset "${!PERFAGENT_@}" LD_PRELOAD MALLOC_CONF

# shellcheck disable=SC2034  # used by the parts
clock=${CLOCK:-wall}
# shellcheck disable=SC2034
if [[ -n ${QUICK:-} ]]; then
  rounds=1 milliseconds=1 program_rounds=1 seconds=1 startups=3
else
  rounds=${ROUNDS:-5} milliseconds=${MILLISECONDS:-200} program_rounds=${PROGRAM_ROUNDS:-3}
  seconds=${SECONDS_PER_RUN:-10} startups=${STARTUPS:-200}
fi

work=$(mktemp -d -t bench.XXXXXX)
trap 'StopServer; rm -rf "$work"' EXIT
cd "$work" || exit 1

for part in tools table pairs startup units instructions server programs memory recordings; do
  # shellcheck source=/dev/null
  source "$here/$part.sh"
done

declare -A parts=([pairs]=BenchPairs [locks]=BenchLocks [startup]=BenchStartup [units]=BenchUnits
  [instructions]=BenchInstructions [memory]=BenchMemory
  [recordings]=BenchRecordings [programs]=BenchPrograms)
(($# > 0)) || set -- pairs locks startup units instructions memory recordings programs
for part; do
  if [[ -z ${parts[$part]:-} ]]; then
    echo "bench.sh: unknown part '$part': expected some of ${!parts[*]}" >&2
    exit 2
  fi
done
PrintHeading
for part; do "${parts[$part]}"; done
