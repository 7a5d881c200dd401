# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# redis with threads that read, parse and write for its clients, held at mutexes while there is nothing to do.
packages="redis-server redis-tools"
commands="redis-server redis-cli redis-benchmark"

Ask() { redis-cli -s redis.sock "$@"; }

Work() {
  Serve redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' --appendonly no --logfile log \
    --io-threads 2 --io-threads-do-reads yes
  WaitFor Ask PING || return
  # Enough clients at once for the threads to be used.
  redis-benchmark -s redis.sock -n 10000 -c 50 -P 8 -d 300 -q -t set,get,lpush > benchmark 2>&1 || cat benchmark
  Ask LLEN mylist
  Ask STRLEN key:__rand_int__
  [[ $(Ask INFO stats | sed -n 's/^io_threaded_writes_processed:\([0-9]*\).*/\1/p') -gt 0 ]] && echo "threads wrote"
  Ask SHUTDOWN NOSAVE
  wait "$server"
  echo "exit status $?"
}
