#!/usr/bin/env bash
# Starts the server on a data folder (or finds it running), indexes a folder, searches once, and
# leaves the server answering. Called by `make run` after the build.
#
# DOCS            the folder to index
# DATA            the data folder (default ./data)
# BIND_ADDRESS    address to listen on (default 127.0.0.1)
# WEBUI_PORT      port to listen on (default 8080)
# SEMANTIK_BIN    the binary (default target/release/semantik)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=scripts/server.sh
. "$root/scripts/server.sh"

DOCS="${DOCS:-}"
DATA="${DATA:-$root/data}"
host="${BIND_ADDRESS:-127.0.0.1}"
port="${WEBUI_PORT:-8080}"
bin="${SEMANTIK_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/semantik}"
say() { printf 'run: %s\n' "$*"; }
die() {
  printf 'run: %s\n' "$@" >&2
  exit 1
}

[ -n "$DOCS" ] || die "which folder? Say: make run DOCS=/path/to/your/documents"
[ -d "$DOCS" ] || die "'$DOCS' is not a folder; say: make run DOCS=/path/to/your/documents"
[ -x "$bin" ] || die "there is no binary at $bin; run 'make build'"
mkdir -p "$DATA"
DATA="$(cd "$DATA" && pwd)"
log="$DATA/serve.log"

start_server() {
  if server_ready "$host" "$port"; then
    die "something else already answers at http://$host:$port" \
      "stop it, or take another port: make run DOCS=$DOCS WEBUI_PORT=8081"
  fi
  say "starting the server (log: $log)"
  # A session of its own, so that it outlives make and the terminal.
  setsid nohup "$bin" --data-dir "$DATA" serve --bind "$host:$port" >>"$log" 2>&1 </dev/null &
  local pid=$!
  printf '%s\n' "$pid" >"$(server_pid_file)"
  local tries=0
  until server_ready "$host" "$port"; do
    tries=$((tries + 1))
    if ! kill -0 "$pid" 2>/dev/null || [ "$tries" -ge 300 ]; then
      tail -n 15 "$log" >&2 || true
      rm -f "$(server_pid_file)"
      kill "$pid" 2>/dev/null || true
      die "the server did not become ready; the end of its log is above"
    fi
    sleep 0.2
  done
}

ensure_server() {
  local pid
  if pid="$(server_pid)"; then
    case "$(readlink "/proc/$pid/exe" 2>/dev/null || true)" in
      *' (deleted)')
        say "the binary has changed; starting the server anew"
        DATA="$DATA" "$root/scripts/stop.sh"
        start_server
        return
        ;;
    esac
    if server_ready "$host" "$port"; then
      say "the server is running (pid $pid); only changes are indexed"
      return
    fi
    die "the server of $DATA runs (pid $pid) but does not answer at http://$host:$port" \
      "'make stop DATA=$DATA' ends it; its log is $log"
  fi
  start_server
}

ensure_server
say "indexing $DOCS"
partial=0
"$bin" --data-dir "$DATA" index "$DOCS" || partial=$?
if [ "$partial" -ne 0 ] && [ "$partial" -ne 6 ]; then
  die "indexing ended with code $partial; the server keeps running (pid $(cat "$(server_pid_file)"))"
fi

# Words a person might type: a title, or where titles say nothing, words of a passage.
words() { python3 "$root/scripts/example_query.py" 2>/dev/null || true; }
query="$("$bin" --data-dir "$DATA" --json documents list --status completed 2>/dev/null | words)"
case "$query" in
  '' | *' '*) ;;
  *) query="$("$bin" --data-dir "$DATA" --json search "$query" --limit 1 2>/dev/null | words)" ;;
esac
query="${query:-getting started}"
say "an example: semantik search \"$query\""
"$bin" --data-dir "$DATA" search "$query" --limit 3

if [ "$partial" -eq 6 ]; then
  say "some documents could not be read; see: $bin --data-dir $DATA documents list --status failed"
fi
say "the server answers at http://$host:$port (pid $(cat "$(server_pid_file)"), data in $DATA)"
say "search:  $bin --data-dir $DATA search \"your words\""
say "stop:    make stop$([ "$DATA" = "$root/data" ] || printf ' DATA=%s' "$DATA")"
