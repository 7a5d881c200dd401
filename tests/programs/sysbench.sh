# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# sysbench: threads that fight for mutexes, and that yield while they hold one. What it prints are times: they are cut out.
packages="sysbench"
commands="sysbench"
few_allocations="it allocates at its start"

WithoutNumbers() { sed 's/[0-9.]\+//g; s/ \+/ /g'; }

Work() {
  set -o pipefail
  Watched sysbench --threads=4 --time=0 --events=4 --mutex-num=8 --mutex-locks=200000 --mutex-loops=500 mutex run | WithoutNumbers || return
  Watched sysbench --threads=4 --time=0 --events=2000 --thread-yields=100 --thread-locks=2 threads run | WithoutNumbers
}
