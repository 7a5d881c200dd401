# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# sqlite3: inserts, sorts, joins and JSON; every row's text is a block of its own.
packages=sqlite3
commands=sqlite3
times=2

Prepare() {
  cat > "$inputs/work.sql" << 'SQL'
PRAGMA journal_mode = WAL;
CREATE TABLE t(a INTEGER, b TEXT);
BEGIN;
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 300000)
  INSERT INTO t SELECT (i * 7919) % 100003, 'row ' || i FROM c;
COMMIT;
CREATE INDEX t_b ON t(b);
SELECT count(*), sum(a) FROM (SELECT a, b FROM t ORDER BY b DESC, a);
SELECT a, b FROM t ORDER BY a, b LIMIT 1000;
SELECT a % 10, count(*), length(group_concat(b)) FROM t GROUP BY 1 ORDER BY 1;
SELECT sum(json_extract(json_object('a', a, 'b', json_array(b, a)), '$.b[1]')) FROM t;
SELECT count(*) FROM t x JOIN t y ON x.b = y.b WHERE x.a < 1000;
SELECT no_such_column FROM t;
PRAGMA integrity_check;
SQL
}

# The unknown column is an error, said on stderr, and the exit status.
Work() {
  Exits 1 sqlite3 file.db < "$inputs/work.sql"
}
