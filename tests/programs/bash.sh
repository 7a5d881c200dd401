# shellcheck shell=bash disable=SC2034,SC2154  # read by run.sh, set by run.sh
# bash: loops over strings and arrays, functions, and children: substitutions, pipelines, jobs and traps.
packages=bash
commands="bash seq sort awk"
times=3

Prepare() {
  cat > "$inputs/work.sh" << 'BASH'
declare -A words
for ((i = 0; i < 40000; ++i)); do
  key=word$((i * 7919 % 1009))
  words[$key]=${words[$key]:-}$i,
done
for key in "${!words[@]}"; do
  text=${words[$key]//,/;}
  echo "$key ${#text} ${text:0:40}"
done | sort

Square() { local n=$1; echo $((n * n)); }
sum=0
for ((i = 0; i < 250; ++i)); do sum=$((sum + $(Square "$i"))); done
echo "sum $sum"

trap 'echo "got USR1" >&2' USR1
for ((i = 0; i < 5; ++i)); do kill -USR1 $$; done
for ((i = 0; i < 20; ++i)); do (exit "$i") & jobs[i]=$!; done
for ((i = 0; i < 20; ++i)); do wait "${jobs[i]}"; echo "job $i: $?"; done
seq 20000 | awk '{ print $1 * 3 }' | sort -n | while read -r line; do echo "${line%0}"; done | tail -3
read -r -d '' lines < <(seq 5000; printf '\0')
echo "${#lines}"
(kill -KILL $BASHPID) 2>&1
echo "killed: $?"
no_such_command
exit 3
BASH
}

# bash says which process was killed, in a column.
Work() {
  local status
  Exits 3 bash "$inputs/work.sh" 2> errors
  status=$?
  sed -E 's/ +[0-9]+ Killed/ PID Killed/' errors >&2
  return "$status"
}
