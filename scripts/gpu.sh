#!/usr/bin/env bash
# Checks the engine for NVIDIA cards on a card, and measures it beside PyTorch.
#
#   scripts/gpu.sh [MODEL_FOLDER ...]        build, check and measure on this machine
#   scripts/gpu.sh build                     only build, into .cache/gpu
#   scripts/gpu.sh run [MODEL_FOLDER ...]    only check and measure, with what .cache/gpu holds
#   scripts/gpu.sh kernels                   without a card: compile every kernel for three generations
#
# `run` needs no Rust, so a machine with a card can be given the checkout with .cache/gpu in it. It
# needs NVIDIA's driver, libcublasLt and libnvrtc of CUDA 12 or 13 (those that come with PyTorch are
# found), and a C compiler for the tests that compare with the emulated card.
# `kernels` fetches NVIDIA's compiler and cublasLt from a package index for pip, about 700 MB.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
made="$root/.cache/gpu"

# Cargo names what it built last, one line each.
newest() {
  cargo "$@" --quiet --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1
}

build() {
  mkdir -p "$made"
  echo "gpu: building the tests and the benchmark (minutes)"
  cp "$(newest test --package semantik-inference --lib)" "$made/tests"
  cp "$(newest bench --package semantik-inference --bench gpu)" "$made/bench"
  strip "$made/tests" "$made/bench"
  echo "$root" >"$made/root"
}

# Folders of CUDA's libraries: the toolkit's, and those of Python packages.
libraries() {
  local python
  python="$(command -v python3 || true)"
  {
    ls -d /usr/local/cuda*/lib64 2>/dev/null || true
    if [ -n "$python" ]; then
      "$python" - <<'END' || true
import glob
import site

for folder in site.getsitepackages() + [site.getusersitepackages()]:
    for path in sorted(glob.glob(folder + "/nvidia/*/lib")):
        print(path)
END
    fi
  } | paste -sd:
}

run() {
  [ -x "$made/tests" ] || { echo "gpu: nothing is built; run scripts/gpu.sh build" >&2; exit 1; }
  # The tests look for their data where they were built.
  local built
  built="$(cat "$made/root")"
  if [ ! -e "$built" ]; then
    mkdir -p "$(dirname "$built")"
    ln -s "$root" "$built"
  fi
  LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$(libraries)"
  export LD_LIBRARY_PATH
  echo "gpu: kernels and models on the card, against 64-bit floats and the reference"
  "$made/tests" cuda --nocapture --test-threads=4
  echo "gpu: vectors of the card against the processor's, then speed"
  "$made/bench" "$@"
  echo "gpu: PyTorch over the same lengths"
  python3 benches/peers/gpu_torch.py
}

kernels() {
  local venv="$made/venv"
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-deps nvidia-cuda-nvrtc-cu12 nvidia-cublas-cu12
  LD_LIBRARY_PATH="$(ls -d "$venv"/lib/python3*/site-packages/nvidia/*/lib | paste -sd:)"
  export LD_LIBRARY_PATH
  cargo test --quiet --package semantik-inference --lib -- --nocapture at_hand
}

case "${1:-all}" in
  build) build ;;
  run) run "${@:2}" ;;
  kernels) kernels ;;
  *)
    build
    run "$@"
    ;;
esac
