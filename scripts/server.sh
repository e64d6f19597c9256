#!/usr/bin/env bash
# Shared by run.sh and stop.sh: where the server of a data folder is, and whether it answers.
# Sourced, not run.

server_pid_file() { printf '%s/serve.pid' "$DATA"; }

# The pid of this data folder's server, when it lives.
server_pid() {
  local file pid
  file="$(server_pid_file)"
  [ -s "$file" ] || return 1
  pid="$(cat "$file")"
  kill -0 "$pid" 2>/dev/null || return 1
  # A pid may have been given to another program since.
  if [ -r "/proc/$pid/cmdline" ]; then
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'semantik' || return 1
  fi
  printf '%s' "$pid"
}

# Whether HOST PORT answers /readyz with 200; needs no curl.
server_ready() {
  timeout 5 bash -c '
    exec 3<>"/dev/tcp/$1/$2" || exit 1
    printf "GET /readyz HTTP/1.1\r\nHost: %s:%s\r\nConnection: close\r\n\r\n" "$1" "$2" >&3
    IFS= read -r line <&3
    case "$line" in *" 200 "*) exit 0 ;; *) exit 1 ;; esac
  ' _ "$1" "$2" 2>/dev/null
}
