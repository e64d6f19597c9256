#!/bin/sh
# The side-by-side embedding benchmark: Semantik beside what people would take
# instead, on this machine, in interleaved rounds. Never run in CI.
#
#   benches/peers/run.sh MODEL_FOLDER [ROUNDS]      (3 rounds when not given)
#
# Needs python3, gcc, binutils and a package index for pip. What it makes lies
# below .cache/peers (WORK); VENV names a virtual environment made before.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
model=$(cd "${1:?the folder of the model is missing}" && pwd)
rounds=${2:-3}
work=${WORK:-$root/.cache/peers}
venv=${VENV:-$work/venv}
mkdir -p "$work"
work=$(cd "$work" && pwd)

if [ ! -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --upgrade pip setuptools
    # Without its dependencies: they are 3 GB of CUDA packages. The ones a CPU needs follow.
    "$venv/bin/pip" install --quiet --no-deps torch==2.15.0 sentence-transformers==6.2.0
    "$venv/bin/pip" install --quiet filelock typing-extensions sympy networkx jinja2 fsspec scikit-learn scipy tqdm \
        numpy transformers==5.23.0 onnx==1.23.2 onnxruntime==1.31.1 fastembed==0.9.1 openvino==2026.4.1
fi
# Every time: it is quick, and a half-made environment shows here.
"$venv/bin/python" "$here/cpu_torch.py"

if [ ! -f "$work/queries.txt" ]; then
    "$venv/bin/python" "$here/corpus.py" "$model" "$work"
fi
# Built before the first round, so that no compiler runs beside a measurement.
cargo bench --quiet --manifest-path "$root/Cargo.toml" -p semantik-inference --bench inference --no-run

round=1
while [ "$round" -le "$rounds" ]; do
    for precision in float32 float16 int8; do
        cargo bench --quiet --manifest-path "$root/Cargo.toml" -p semantik-inference --bench inference -- embed \
            "$model" "$work" "$precision" 2
        mv "$work/results/semantik-$precision.json" "$work/results/semantik-$precision-r$round.json"
    done
    "$venv/bin/python" "$here/peers.py" "$model" "$work" --round "$round" --wait 20
    round=$((round + 1))
done
"$venv/bin/python" "$here/compare.py" "$work"
