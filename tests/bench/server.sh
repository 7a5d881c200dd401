# shellcheck shell=bash disable=SC2154  # sourced by bench.sh
# server.sh: a server under a tool, and what it uses. The loader is not under the tool.
# shellcheck source=/dev/null
source "$root/tests/programs/support/servers.sh"

launched='' server=''

# StartServer PIDFILE COMMAND...: leaves the pid of the server, which a tool may have started, in `server`.
StartServer() {
  local pid_file=$1
  shift
  "${under[@]}" "$@" > server.out 2>&1 &
  launched=$!
  WaitFor test -s "$pid_file" && server=$(< "$pid_file")
}

# Returns when the tool has ended, too. What both wrote is said on stderr.
StopServer() {
  [[ -n $launched ]] || return 0
  kill "${server:-$launched}"
  wait "$launched"
  cat server.out >&2
  server='' launched=''
}

# Ticks of user and system time that the server has used.
ServerTicks() {
  local line
  local -a fields
  line=$(< "/proc/$server/stat")
  # The fields that follow the name, in parentheses, which may hold spaces.
  read -ra fields <<< "${line##*) }"
  echo $((fields[11] + fields[12]))
}

# SecondsPerMillion TICKS REQUESTS: of CPU time.
SecondsPerMillion() { awk -v ticks="$1" -v requests="$2" -v hz="$(getconf CLK_TCK)" 'BEGIN { print ticks / hz / requests * 1e6 }'; }
