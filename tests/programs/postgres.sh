# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# PostgreSQL: initdb, a server and its many processes; pgbench's own sums, parallel queries in shared memory, procedures,
# cancelled statements, a killed backend and the recovery after it, dump and restore. It refuses to run as root.
packages=postgresql
commands="pg_createcluster psql setpriv useradd userdel"

Prepare() {
  if [[ $(id -u) == 0 ]]; then
    user=perfagent$$
    useradd --system --no-create-home --shell /usr/sbin/nologin "$user" || return
    echo "$user" > "$inputs/user"
  fi
  cat > "$inputs/work.sql" << 'SQL'
SET client_min_messages = warning;
CREATE TABLE t AS SELECT i, md5(i::text) AS text, jsonb_build_object('n', i % 100, 'list', ARRAY[i, i + 1]) AS json
  FROM generate_series(1, 200000) i;
CREATE INDEX ON t USING gin (json jsonb_path_ops);
CREATE INDEX ON t (text);
ANALYZE t;
SELECT count(*), sum(length(text)) FROM t WHERE json @> '{"n": 17}';
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 4;
SELECT json->>'n' AS n, count(*), sum(i), min(text) FROM t GROUP BY 1 ORDER BY 1 LIMIT 5;
SELECT count(*) FROM t a JOIN t b ON a.text = b.text WHERE a.i % 3 = 0;
SELECT i, text FROM t ORDER BY text DESC, i LIMIT 5;
RESET ALL;
SELECT length(string_agg(regexp_replace(text, '([0-9]+)([a-f]+)', '\2\1', 'g'), ',' ORDER BY i)) FROM t WHERE i < 50000;
CREATE FUNCTION divide(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1000 / n;
EXCEPTION WHEN division_by_zero THEN
  RETURN 'by zero';
END $$;
SELECT divide(i % 5), count(*) FROM generate_series(1, 20000) i GROUP BY 1 ORDER BY 1;
CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN deep(n + 1); END $$;
DO $$ BEGIN PERFORM deep(0); EXCEPTION WHEN statement_too_complex THEN RAISE WARNING 'too deep'; END $$;
SET statement_timeout = 200;
SELECT count(*) FROM generate_series(1, 1000000000);
RESET statement_timeout;
CREATE MATERIALIZED VIEW v AS SELECT i % 10 AS n, array_agg(text ORDER BY i) AS texts FROM t GROUP BY 1;
SELECT n, cardinality(texts), md5(texts::text) FROM v ORDER BY n;
VACUUM ANALYZE t;
LISTEN news; NOTIFY news;
SELECT no_such_column FROM t;
SQL
}

Clean() { [[ ! -e $inputs/user ]] || userdel "$(< "$inputs/user")"; }

Sql() { "${as[@]}" "$bin/psql" -X -q -h "$PWD" -d postgres "$@" 2>&1; }

# Which process it was, is different each time.
Normal() { sed -E 's/(PID|process|pid) [0-9]+/\1 N/g'; }

Sums() {
  Sql -At -c "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
    (SELECT sum(bbalance) FROM pgbench_branches), (SELECT count(*) FROM pgbench_history),
    (SELECT sum(delta) FROM pgbench_history), (SELECT sum(aid) FROM pgbench_history)"
}

# A backend that dies makes the server end all others, and recover.
Crash() {
  Sql -c "SELECT pg_sleep(600)" > /dev/null &
  local victim
  WaitFor Victim || return
  kill -KILL "$(Victim)"
  wait $!
  WaitFor Sql -c "SELECT 1"
}

Victim() { Sql -At -c "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'" | grep .; }

Work() {
  export PGUSER=postgres
  local versions=(/usr/lib/postgresql/*/bin)
  as=() bin=${versions[-1]}
  mkdir data && chmod 700 data
  if [[ -e $inputs/user ]]; then
    as=(setpriv --reuid "$(< "$inputs/user")" --regid "$(< "$inputs/user")" --clear-groups --)
    chown "$(< "$inputs/user")": data .
  fi
  watch=("${as[@]}" "${watch[@]}")
  Watched "$bin/initdb" -D data -U postgres -A trust --locale=C.UTF-8 -E UTF8 --no-sync > init || return
  cat > settings << CONF
listen_addresses = ''
unix_socket_directories = '$PWD'
max_worker_processes = 8
log_line_prefix = ''
log_checkpoints = off
max_wal_size = 4GB
CONF
  cat settings >> data/postgresql.conf
  Serve "$bin/postgres" -D data > log 2>&1
  WaitFor Sql -c "SELECT 1" || return
  Watched "$bin/pgbench" -h "$PWD" -i -s 2 -q postgres > pgbench 2>&1 || return
  Watched "$bin/pgbench" -h "$PWD" -n -c 6 -j 2 -t 300 --random-seed=7 postgres > pgbench 2>&1
  grep -E 'actually|failed' pgbench
  Sums
  Sql -f "$inputs/work.sql" | Normal
  Crash
  Sums
  # Its \restrict has a random key.
  Watched "$bin/pg_dump" -h "$PWD" -t t -t v postgres | grep -v restrict | sha256sum
  Stop INT
  echo "exit status $?"
  # Left out: times, positions in the log of writes, and what a client hears that asks during the recovery. Sorted:
  # several processes write it.
  Normal < log | grep -vE 'starting PostgreSQL|listening|redo|was shut down|was interrupted|invalid (record|magic)' |
    grep -vE 'FATAL:  the database system|Consistent recovery' | sort
}
