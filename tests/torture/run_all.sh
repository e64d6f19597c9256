#!/usr/bin/env bash
# Runs every torture script, one after the other, and ends with the verdicts. Arguments go to each
# script (for example --real). A script that cannot run here says SKIP and fails nothing.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
verdicts="$(mktemp)"
failed=0
for script in second_process read_only non_utf8_names zip_bomb cancel hanging_extractor vanishing_files \
  sigstop disk_full kill9 big_text many_small_files memory; do
  echo "--- $script"
  python3 "$here/$script.py" "$@" | tee -a "$verdicts"
  code=${PIPESTATUS[0]}
  [ "$code" -eq 0 ] || [ "$code" -eq 77 ] || failed=1
done
echo "--- all"
grep -E '^(PASS|FAIL|SKIP) ' "$verdicts"
rm -f "$verdicts"
exit "$failed"
