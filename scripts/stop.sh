#!/usr/bin/env bash
# Stops the server that `make run` left on a data folder: asks it to drain, waits, says what it did.
#
# DATA  the data folder (default ./data)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/server.sh
. "$root/scripts/server.sh"
DATA="${DATA:-$root/data}"

if ! pid="$(server_pid)"; then
  rm -f "$(server_pid_file)"
  echo "stop: no server runs on $DATA"
  exit 0
fi
kill -TERM "$pid"
for _ in $(seq 1 150); do
  if ! kill -0 "$pid" 2>/dev/null; then
    rm -f "$(server_pid_file)"
    echo "stop: the server (pid $pid) has ended; the data stays in $DATA"
    exit 0
  fi
  sleep 0.2
done
echo "stop: the server (pid $pid) has not ended within 30 s; 'kill -9 $pid' is safe, nothing that was stored is lost" >&2
exit 1
