# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# redis: a script of commands whose replies are compared, a benchmark of several clients, a save in a forked child.
packages="redis-server redis-tools"
commands="redis-server redis-cli redis-benchmark"

Prepare() {
  local n
  for ((n = 0; n < 5000; ++n)); do
    printf 'SET key%d %0*d\nRPUSH list %d\nHSET hash field%d %d\nZADD set %d m%d\nAPPEND text %d\nEXPIRE key%d 9999\n' \
      "$n" $((n % 900 + 1)) "$n" "$n" $((n % 700)) "$n" $((n * 7919 % 1009)) "$n" "$n" "$n"
  done > "$inputs/commands"
  cat >> "$inputs/commands" << 'REDIS'
LRANGE list 0 -1
STRLEN key499
HLEN hash
HGET hash field77
SORT list DESC LIMIT 0 5
ZRANGEBYSCORE set 100 120
EVAL "local t = {} for i = 1, 5000 do t[i] = redis.call('GET', 'key' .. i % 5000) end return #t" 0
DEL list
DBSIZE
NOSUCHCOMMAND
REDIS
}

Ask() { redis-cli -s redis.sock "$@"; }

Saved() { Ask INFO persistence | grep -q rdb_bgsave_in_progress:0; }

Work() {
  Serve redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' --appendonly no --logfile log
  WaitFor Ask PING || return
  Ask < "$inputs/commands" | sha256sum
  Ask < "$inputs/commands" | sha256sum
  redis-benchmark -s redis.sock -n 30000 -c 20 -r 5000 -P 4 -d 300 -q \
    -t set,get,lpush,lpop,sadd,hset,spop,zadd > benchmark 2>&1 || cat benchmark
  Ask FLUSHALL ASYNC
  Ask < "$inputs/commands" | sha256sum
  Ask BGSAVE && WaitFor Saved || return
  Ask INFO persistence | grep rdb_last_bgsave_status
  Ask DEBUG RELOAD | head -1
  Ask DBSIZE
  Ask SHUTDOWN NOSAVE
  wait "$server"
  echo "exit status $?"
  # Warnings are about the machine; errors would be about the program.
  grep -c 'BUG\|crash\|signal' log
  return 0
}
