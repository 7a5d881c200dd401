# shellcheck shell=bash disable=SC2154  # sourced by bench.sh
# table.sh: measures tools in turn, round by round, and prints medians.
#
# `added` and `ratio` are medians of the differences and quotients of the same round: what slows the machine for a while
# slows both.

PrintHeading() {
  grep -m1 'model name' /proc/cpuinfo | sed 's/.*: /machine: /'
  echo "cores: $(nproc), kernel: $(uname -r), $(getconf GNU_LIBC_VERSION), dumps on $(stat -f -c %T "$work")"
  echo "medians of $rounds rounds of $milliseconds ms ($clock time of pairs), $program_rounds of ${seconds} s for programs, $startups for start-up"
  PrintRow what tool value unit added ratio ''
}

# PrintRow NAME TOOL VALUE UNIT ADDED RATIO NOTE
PrintRow() { printf '%-38s %-10s %11s %-8s %10s %8s  %s\n' "$@" | sed 's/ *$//'; }

# Rows ROUNDS MEASURE "TOOL ..." "NAME|UNIT"...: rows of every tool. MEASURE runs something `under` the tool (Use), and
# prints one line, a number for each NAME; a server that it started is stopped for it. BaseOf a tool comes before it,
# or it is compared with none.
Rows() {
  local times=$1 measure=$2 tools tool round
  read -ra tools <<< "$3"
  shift 3
  rm -rf "$work/numbers"
  mkdir "$work/numbers"
  for ((round = 0; round < times; ++round)); do
    for tool in "${tools[@]}"; do
      [[ -z $(WhyMissing "$tool") ]] || continue
      Use "$tool"
      "$measure" > "$work/one" 2> "$work/errors"
      StopServer 2>> "$work/errors"
      [[ -s $work/one ]] || echo failed > "$work/one"
      cat "$work/one" >> "$work/numbers/$tool"
      WhatTheAgentSaid > "$work/said" && mv "$work/said" "$work/numbers/$tool.said"
    done
  done
  PrintRows "$@"
  rm -rf "$recorded"
}

# PrintRows "NAME|UNIT"...: the N-th name is the N-th number of each round.
PrintRows() {
  local column=0 what tool note
  for what; do
    column=$((column + 1))
    for tool in "${tools[@]}"; do
      note=$(WhyMissing "$tool")
      if [[ -n $note ]]; then
        PrintRow "${what%|*}" "$tool" - "${what#*|}" - - "$note"
      else
        PrintMedians "$column" "${what%|*}" "$tool" "${what#*|}"
      fi
    done
  done
}

# PrintMedians COLUMN NAME TOOL UNIT: no row where the tool has no such number, which it says with "-".
PrintMedians() {
  local against value added ratio note=''
  against=$work/numbers/$(BaseOf "$3")
  [[ -e $against && $against != "$work/numbers/$3" ]] || against=/dev/null
  [[ ! -e $work/numbers/$3.said ]] || note=$(< "$work/numbers/$3.said")
  read -r value added ratio < <(awk -v column="$1" '
    function median(of, n, decimals,   i, j, held) {
      if (n == 0) return "-"
      for (i = 2; i <= n; ++i) {
        held = of[i]
        for (j = i - 1; j > 0 && of[j] > held; --j) of[j + 1] = of[j]
        of[j + 1] = held
      }
      return sprintf("%." decimals "f", n % 2 ? of[(n + 1) / 2] : (of[n / 2] + of[n / 2 + 1]) / 2)
    }
    $1 == "failed" { next }
    FILENAME == ARGV[1] { if ($column != "-") base[FNR] = $column; next }
    $column == "-" { has_none = 1; next }
    { value[++n] = $column }
    FNR in base { added[++pairs] = $column - base[FNR] }
    FNR in base && base[FNR] > 0 { ratio[++quotients] = $column / base[FNR] }
    END { print has_none ? "none" : median(value, n, 2), median(added, pairs, 2), median(ratio, quotients, 3) }
    ' "$against" "$work/numbers/$3")
  [[ $value != none ]] || return 0
  [[ $value != - ]] || note="failed: ${note:-$(tail -1 "$work/errors")}"
  if [[ $against == /dev/null ]]; then added='' ratio=''; fi
  PrintRow "$2" "$3" "$value" "$4" "$added" "$ratio" "$note"
}
