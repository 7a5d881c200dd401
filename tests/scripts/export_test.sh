#!/usr/bin/env bash
# Tests of `analyzer export` by the tools that read its files, and of heaptrack's own files in reports.
# shellcheck disable=SC2154  # claims.sh sets names
# shellcheck source=tests/scripts/claims.sh
. "${BASH_SOURCE[0]%/*}/claims.sh"
analyzer=$build/analyzer
exports=$root/tests/exports

# Record NAME SETTING... -- PROGRAM...: leaves NAME.dump.
Record() {
  local name=$1
  local -a settings=()
  shift
  while [[ $1 != -- ]]; do
    settings+=("PERFAGENT_$1")
    shift
  done
  shift
  env LD_PRELOAD="$real_agent" "${settings[@]}" PERFAGENT_OUTPUT="$work/$name.dump" "$@" > /dev/null
}

# Claims COMMAND...: its lines are claims of this script, and it ends with 0.
Claims() {
  local line
  "$@" > claims 2> err || NotOk "${*##*/} ends" "$(< err)"
  while IFS= read -r line; do
    case $line in
      'ok - '*) Ok "${line#ok - }" ;;
      *) NotOk "${line#not ok - }" ;;
    esac
  done < claims
}

Record full MODE=full -- "$build/samples/churn"
Record sample MODE=sample INTERVAL=4K SEED=1 -- "$build/samples/vector_growth"
Record locks MODE=full -- "$build/samples/lock_holders" two

# ---- what other tools make of it ----------------------------------------------------------------------

missing=
[[ -x /usr/lib/go-1.19/pkg/tool/linux_amd64/pprof ]] || missing+=" golang-1.19-go"
[[ -e /usr/libexec/valgrind/dh_view.js ]] || missing+=" valgrind"
Has heaptrack_print || missing+=" heaptrack"
Has node || missing+=" nodejs"
python3 -c 'import jsonschema' 2> /dev/null || missing+=" python3-jsonschema"
for dump in full sample locks; do
  if [[ -n $missing ]]; then
    Skip "exports of $dump.dump" "missing:$missing"
  else
    Claims python3 -B "$exports/check_exports.py" "$analyzer" "$work/$dump.dump"
  fi
done

# ---- the command ----------------------------------------------------------------------------------------

Total() { awk '{ sum += $NF } END { print sum + 0 }' "$@"; }

Run "$analyzer" export --to folded -o - full.dump
Expect "-o - is stdout" 0 '*'
one=$(Total out)
"$analyzer" export --to folded sample.dump > other 2> err
Run "$analyzer" export --to folded -o both.folded full.dump sample.dump
Expect "several dumps are one profile" 0 '*'
if (($(Total both.folded) == one + $(Total other))); then
  Ok "their figures are added up"
else
  NotOk "their figures are added up" "$(Total both.folded), expected $one + $(Total other)"
fi

Run "$analyzer" export --to heaptrack -o two.heaptrack full.dump sample.dump
Expect "events of several processes are no file" 2 '*a file of one process, but 2 dumps are given*'
Run "$analyzer" export --to folded --metric speed -o x full.dump
Expect "an unknown metric is named with those there are" 2 '*--metric speed: expected one of heap, *alloc_space*'
Run "$analyzer" export --to heaptrack --metric contention -o x full.dump
Expect "a metric that the format has not is an error" 2 '*--metric contention: heaptrack has it not*'
Run "$analyzer" export --to folded -o full.dump full.dump
Expect "a dump that is read is not overwritten" 2 '*would overwrite a dump*'
Run "$analyzer" export --to folded -o x locks.dump
Expect "what is left out is said" 0 '*left out: 1?? contended waits*'
Run "$analyzer" export --to folded --focus MakeTemporary -o focused full.dump
Expect "a view is exported" 0 '*'
"$analyzer" export --to folded full.dump 2> err | grep MakeTemporary > expected
if [[ -s expected ]] && (($(Total focused) == $(Total expected))); then
  Ok "of the view alone"
else
  NotOk "of the view alone" "$(< focused)"
fi

# ---- heaptrack's own files ----------------------------------------------------------------------------------

if ! Has heaptrack || ! Has heaptrack_print; then
  Skip "reports of heaptrack's files" "heaptrack is missing"
else
  heaptrack -o "$work/churn" "$build/samples/churn" > out 2>&1
  zstd -dcq churn.zst > churn.heaptrack
  gzip -c churn.heaptrack > churn.gz
  for file in churn.zst churn.gz churn.heaptrack; do
    Claims python3 -B "$exports/check_import.py" "$analyzer" "$work/$file"
  done
  heaptrack --raw -o "$work/raw" "$build/samples/churn" > out 2>&1
  raw=(raw*)
  Run "$analyzer" report "${raw[0]}"
  Expect "a raw recording of heaptrack's is to be interpreted first" 4 '*heaptrack --interpret*'
fi

Summary
