"""Runs peers of the embedding engine over the corpus that corpus.py made.

    peers.py <model folder> <work folder> [--peer NAME...] [--only ARRANGEMENT...] [--round N] [--passages N] [--wait SECONDS]

Each peer and arrangement gets a process of its own and leaves
`<work folder>/results/<peer>--<arrangement>-r<round>.json` and the vectors as
`<peer>--<arrangement>.npy`. What is timed is text in, unit vector out,
tokenisation included, on 2 threads, warm. Tokens are counted without padding,
special tokens included. `others_cores` says how much of the machine other
processes had meanwhile; --wait holds each run back, so long at most, until they
are quiet.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import engines
import graphs

THREADS = str(engines.MODEL_THREADS)
LIMITS = {"OMP_NUM_THREADS": THREADS, "MKL_NUM_THREADS": THREADS, "RAYON_NUM_THREADS": THREADS,
          "OPENBLAS_NUM_THREADS": THREADS, "TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1",
          "TRANSFORMERS_OFFLINE": "1", "TQDM_DISABLE": "1", "CUDA_VISIBLE_DEVICES": ""}
QUIET_CORES = 0.15


def memory_mb(field):
    text = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+)", text).group(1)) // 1024


def busy_s():
    """CPU seconds that anybody used on this machine, and that this process used."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, fields)
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK"), sum(os.times()[:2])


def measure(folder, work, name, arrangement, passages, began):
    """One peer in one arrangement, in this process."""
    import numpy

    kind, plans = engines.PEERS[name]
    lines = (work / "passages.jsonl").read_text().splitlines()[:passages]
    corpus = [json.loads(line) for line in lines]
    texts, tokens = [one["text"] for one in corpus], sum(one["tokens"] for one in corpus)
    queries = (work / "queries.txt").read_text().splitlines()
    resident_empty, opened = memory_mb("VmRSS"), time.perf_counter()
    engine = kind(folder, plans[arrangement])
    engine.query("a first text")
    load_ms, cold_start_ms = (time.perf_counter() - opened) * 1000, (time.time() - began) * 1000
    resident = memory_mb("VmRSS")
    engine.embed(texts[:64])
    all_before, own_before = busy_s()
    start = time.perf_counter()
    vectors = engine.embed(texts)
    seconds = time.perf_counter() - start
    all_after, own_after = busy_s()
    times = []
    for query in queries[:10] + queries:
        start = time.perf_counter()
        engine.query(query)
        times.append((time.perf_counter() - start) * 1000)
    times = sorted(times[10:])
    row = {"peer": name, "version": engine.version, "arrangement": arrangement, "passages": len(texts), "tokens": tokens,
           "passages_per_s": len(texts) / seconds, "tokens_per_s": tokens / seconds,
           "query_p50_ms": times[len(times) // 2], "query_p95_ms": times[len(times) * 95 // 100],
           "load_ms": load_ms, "cold_start_ms": cold_start_ms, "resident_mb": resident,
           "resident_empty_mb": resident_empty, "resident_peak_mb": memory_mb("VmHWM"),
           "others_cores": (all_after - all_before - own_after + own_before) / seconds, "load_average": os.getloadavg()[0]}
    return row, vectors.astype(numpy.float32)


def wait_for_quiet(seconds):
    """Returns when a second passes in which hardly anybody used the machine, or when the time is up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        before = busy_s()[0]
        time.sleep(1)
        if busy_s()[0] - before < QUIET_CORES:
            return


def slug(name, arrangement):
    return f"{name}--{arrangement.replace(' ', '-')}"


def child(arguments):
    """Measures one arrangement and stores it."""
    import numpy

    work, (name,), (arrangement,) = arguments.work, arguments.peer, arguments.only
    row, vectors = measure(work / "model", work, name, arrangement, arguments.passages, arguments.began)
    results = work / "results"
    results.mkdir(exist_ok=True)
    (results / f"{slug(name, arrangement)}-r{arguments.round}.json").write_text(json.dumps(row, indent=1) + "\n")
    kept = results / f"{slug(name, arrangement)}.npy"
    if not kept.exists() or len(numpy.load(kept, mmap_mode="r")) <= len(vectors):
        numpy.save(kept, vectors)
    print(f"{name:30} {arrangement:20} {row['passages_per_s']:7.1f} passages/s {row['tokens_per_s']:8.0f} tokens/s  "
          f"query {row['query_p50_ms']:5.2f}/{row['query_p95_ms']:5.2f} ms  load {row['load_ms']:5.0f} ms  "
          f"{row['resident_mb']:4} MiB  others {row['others_cores']:.2f} cores", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--peer", nargs="+", choices=engines.PEERS, default=list(engines.PEERS))
    parser.add_argument("--only", nargs="+", help="arrangements; default: all of the peer")
    parser.add_argument("--round", type=int, default=1)
    parser.add_argument("--passages", type=int, default=2000)
    parser.add_argument("--wait", type=float, default=0)
    parser.add_argument("--began", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.began:
        return child(arguments)
    subprocess.run([sys.executable, graphs.__file__, str(arguments.model), str(arguments.work)], check=True)
    failed = 0
    for name in arguments.peer:
        for arrangement in engines.PEERS[name][1]:
            if arguments.only and arrangement not in arguments.only:
                continue
            command = [sys.executable, __file__, str(arguments.model), str(arguments.work), "--peer", name,
                       "--only", arrangement, "--round", str(arguments.round), "--passages", str(arguments.passages)]
            wait_for_quiet(arguments.wait)
            failed += subprocess.run([*command, "--began", str(time.time())], env=os.environ | LIMITS).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
