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
  WaitFor test -s "$pid_file" || return
  server=$(< "$pid_file")
}

# Returns when the tool has ended, too. What both wrote is said on stderr.
StopServer() {
  [[ -n $launched ]] || return 0
  [[ -z $server ]] || kill "$server"
  wait "$launched"
  cat server.out >&2
  server='' launched=''
}

# The server and its children.
ServerProcesses() { echo "$server" && pgrep -P "$server"; }

# Ticks that it has used: user and system time.
ServerTicks() {
  local pid line sum=0
  local -a fields
  for pid in $(ServerProcesses); do
    # What follows the name, which may hold spaces and parentheses: fields from the third on.
    line=$(< "/proc/$pid/stat")
    read -ra fields <<< "${line##*) }"
    sum=$((sum + fields[11] + fields[12]))
  done
  echo "$sum"
}

# SecondsPerMillion TICKS REQUESTS: of CPU time.
SecondsPerMillion() { awk -v ticks="$1" -v requests="$2" -v hz="$(getconf CLK_TCK)" 'BEGIN { print ticks / hz / requests * 1e6 }'; }
