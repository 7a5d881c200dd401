# shellcheck shell=bash disable=SC2154  # sourced by bench.sh
# programs.sh: real programs at work for so long that their start does not count.

programs_tools="bare sample full heaptrack"

# ---- redis: pipelined SET and GET of many keys ----

Redis() { redis-cli -s "$work/redis.sock" "$@"; }

StartRedis() {
  rm -f redis.pid redis.sock
  StartServer redis.pid redis-server --port 0 --unixsocket "$work/redis.sock" --save '' --appendonly no \
    --pidfile "$work/redis.pid" --enable-debug-command yes || return
  WaitFor Redis PING
}

# Makes `redis_requests` of each kind; prints thousands a second and the milliseconds that 99 % took at most.
LoadRedis() {
  redis-benchmark -s "$work/redis.sock" -n "$redis_requests" -c 20 -r 100000 -P 16 -d 64 -t set,get --csv |
    awk -F '"' '/^"(SET|GET)"/ { each += 1 / $4; if ($14 > p99) p99 = $14; ++kinds } END { print kinds / each / 1000, p99 }'
}

MeasureRedis() {
  local begin load
  StartRedis || return
  begin=$(ServerTicks)
  load=$(LoadRedis)
  echo "$load $(SecondsPerMillion $(($(ServerTicks) - begin)) $((2 * redis_requests)))"
}

# How many requests take the time of a run: it can be told a number only.
RedisRequests() {
  local redis_requests=100000
  Use bare
  StartRedis 2> /dev/null || return
  LoadRedis | awk -v seconds="$seconds" '{ printf "%d\n", $1 * 1000 * seconds / 2 }'
  StopServer 2> /dev/null
}

BenchRedis() {
  local redis_requests
  redis_requests=$(RedisRequests)
  Rows "$program_rounds" MeasureRedis "$programs_tools" "redis: throughput|kreq/s" "redis: 99 % answered within|ms" \
    "redis: CPU time of 1M requests|s"
}

# ---- memcached: memaslap's nine reads to one write ----

MeasureMemcached() {
  local port begin requests
  port=$(FreePort)
  rm -f memcached.pid
  StartServer memcached.pid memcached -l 127.0.0.1 -p "$port" -U 0 -t 2 -m 256 -u "$(id -un)" -P "$work/memcached.pid" || return
  begin=$(ServerTicks)
  requests=$(memcaslap -s "127.0.0.1:$port" -T 1 -c 16 -X 256 -t "${seconds}s" | sed -nE 's/.*Ops: ([0-9]+) .*/\1/p')
  PrintLoad "$requests" "$begin"
}

# PrintLoad REQUESTS TICKS-BEFORE: thousands a second, CPU time of a million.
PrintLoad() {
  echo "$(awk "BEGIN { print $1 / $seconds / 1000 }") $(SecondsPerMillion $(($(ServerTicks) - $2)) "$1")"
}

BenchMemcached() {
  Rows "$program_rounds" MeasureMemcached "$programs_tools" "memcached: throughput|kreq/s" \
    "memcached: CPU time of 1M requests|s"
}

# ---- nginx: a compressed file to wrk, all in one process: heaptrack does not follow a fork ----

ConfigureNginx() {
  rm -rf nginx
  mkdir -p nginx/files
  seq 500 > nginx/files/numbers.txt
  cat > nginx/nginx.conf << CONF
daemon off; master_process off; pid $work/nginx/pid; error_log $work/nginx/error.log warn;
events { worker_connections 256; }
http {
  client_body_temp_path $work/nginx/body; proxy_temp_path $work/nginx/proxy; fastcgi_temp_path $work/nginx/fastcgi;
  uwsgi_temp_path $work/nginx/uwsgi; scgi_temp_path $work/nginx/scgi;
  access_log off;
  server { listen 127.0.0.1:$1; root $work/nginx/files; location / { gzip on; gzip_types *; gzip_min_length 1; } }
}
CONF
}

MeasureNginx() {
  local port begin requests file
  port=$(FreePort)
  file=http://127.0.0.1:$port/numbers.txt
  ConfigureNginx "$port"
  StartServer nginx/pid nginx -c "$work/nginx/nginx.conf" -p "$work/nginx" && WaitFor curl -sf "$file" || return
  begin=$(ServerTicks)
  requests=$(wrk -t 1 -c 20 -d "${seconds}s" -H 'Accept-Encoding: gzip' "$file" |
    sed -nE 's/^ +([0-9]+) requests in .*/\1/p')
  PrintLoad "$requests" "$begin"
}

BenchNginx() {
  Rows "$program_rounds" MeasureNginx "$programs_tools" "nginx: throughput|kreq/s" "nginx: CPU time of 1M requests|s"
}

# ---- sqlite3: an index, sorting, grouping, again and again ----

# SqliteStatements TIMES
SqliteStatements() {
  echo "CREATE TABLE t(a INTEGER, b TEXT);
    WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 200000)
      INSERT INTO t SELECT (i * 7919) % 100003, 'row ' || i FROM c;"
  local n
  for ((n = 0; n < $1; ++n)); do
    echo "CREATE INDEX t_b ON t(b);
      SELECT count(*) FROM (SELECT a, b FROM t ORDER BY b DESC, a);
      SELECT sum(n) FROM (SELECT a % 10, count(*) AS n, length(group_concat(b)) FROM t GROUP BY 1);
      DROP INDEX t_b;"
  done
}

# Wall time, CPU time.
MeasureSqlite() {
  local TIMEFORMAT='%R %U %S'
  { time "${under[@]}" sqlite3 :memory: < statements.sql > /dev/null 2>&4; } 4>&2 2>&1 |
    awk '{ print $1, $2 + $3 }'
}

BenchSqlite() {
  local trial=4 took
  SqliteStatements "$trial" > statements.sql
  Use bare
  read -r took _ < <(MeasureSqlite)
  SqliteStatements "$(awk "BEGIN { print int($seconds * $trial / $took) + 1 }")" > statements.sql
  Rows "$program_rounds" MeasureSqlite "$programs_tools" "sqlite3: wall time|s" "sqlite3: CPU time|s"
}

# With COMMAND... FUNCTION: calls it where all commands are there.
With() {
  local command
  for command in "${@:1:$#-1}"; do
    if ! type -P "$command" > /dev/null; then
      echo "$command is missing: make deps SET=programs"
      return
    fi
  done
  "${@: -1}"
}

BenchPrograms() {
  With redis-server redis-benchmark BenchRedis
  With memcached memcaslap python3 BenchMemcached
  With nginx wrk curl python3 BenchNginx
  With sqlite3 BenchSqlite
}
