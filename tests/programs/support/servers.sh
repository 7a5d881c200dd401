# shellcheck shell=bash  # sourced
# servers.sh: what is needed to start a server and to wait for it.

# WaitFor COMMAND...: waits for it to succeed.
WaitFor() {
  local try
  for ((try = 0; try < 600; ++try)); do
    "$@" > /dev/null 2>&1 && return
    sleep 0.1
  done
  echo "timed out waiting for: $*" >&2
  return 1
}

# A port of 127.0.0.1 that nobody listens on now.
FreePort() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
