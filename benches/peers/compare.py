"""Compares what peers.py and Semantik's `embed` bench left in a work folder.

    compare.py <work folder> [--ceiling PRECISION=TOKENS_PER_S...]

Reads `results/*.json` (one run each: peer, version, arrangement, passages_per_s,
tokens_per_s, query_p50_ms, query_p95_ms, load_ms, resident_mb, ...), takes the
median per peer and arrangement over the runs that nobody disturbed (else the
least disturbed run), and prints the figures, the ratios that are asked for, and
the vectors' quality beside sentence-transformers float32 over the passages that
both sides embedded.
"""

import argparse
import collections
import json
import pathlib
import statistics

import numpy

REFERENCE = "sentence-transformers-float32"
DISTURBED_CORES = 0.25
FIGURES = ("passages_per_s", "tokens_per_s", "query_p50_ms", "query_p95_ms", "load_ms", "cold_start_ms", "resident_mb")
# Ours, the peer's, and the least ratio of passages per second to the peer's best arrangement.
RATIOS = (("semantik-float32", "onnxruntime-float32", 1.15), ("semantik-float32", REFERENCE, 1.8),
          ("semantik-float16", "onnxruntime-float32", 1.7), ("semantik-int8", "onnxruntime-int8", 1.45),
          ("semantik-float32", "fastembed-float32", None), ("semantik-float32", "openvino-float32", None),
          ("semantik-float16", "openvino-bfloat16", None))
# Least mean cosine and least overlap of the ten nearest.
QUALITY = {"semantik-float32": (0.99999, None), "semantik-float16": (0.9999, 0.99), "semantik-int8": (0.995, 0.94)}


def runs_of(results):
    """(peer, arrangement) -> its runs."""
    runs = collections.defaultdict(list)
    for path in sorted(results.glob("*.json")):
        row = json.loads(path.read_text())
        if "peer" not in row:
            continue  # of another benchmark
        runs[row["peer"], row["arrangement"]].append(row)
    return runs


def medians(runs):
    """One row per (peer, arrangement): medians of the quiet runs."""
    rows = {}
    for key, taken in runs.items():
        quiet = [row for row in taken if row.get("others_cores", 0) < DISTURBED_CORES]
        chosen = quiet or [min(taken, key=lambda row: row["others_cores"])]
        row = {name: statistics.median(values) for name in FIGURES if (values := [one[name] for one in chosen if name in one])}
        rates = [one["passages_per_s"] for one in chosen]
        row |= {"peer": key[0], "arrangement": key[1], "version": taken[-1].get("version", ""), "runs": len(chosen),
                "disturbed": not quiet, "low": min(rates), "high": max(rates)}
        rows[key] = row
    return rows


def print_figures(rows):
    print(f"{'peer':30} {'arrangement':21} {'passages/s':>10} {'[min..max] runs':>19} {'tokens/s':>8} "
          f"{'p50 ms':>7} {'p95 ms':>7} {'load ms':>7} {'start ms':>8} {'MiB':>4}")
    for row in rows.values():
        spread = f"[{row['low']:.1f}..{row['high']:.1f}] {row['runs']}{'!' if row['disturbed'] else ' '}"
        print(f"{row['peer']:30} {row['arrangement']:21} {row['passages_per_s']:10.1f} {spread:>19} {row['tokens_per_s']:8.0f} "
              f"{row['query_p50_ms']:7.2f} {row['query_p95_ms']:7.2f} {row.get('load_ms', 0):7.0f} "
              f"{row.get('cold_start_ms', 0):8.0f} {row.get('resident_mb', 0):4.0f}")
    print("! every run was disturbed by other processes; the least disturbed one is shown\n")


def verdict(value, least):
    return "" if least is None else f"(asked: {least}) {'holds' if value >= least else 'MISSED'}"


def best_of(rows, peer, arrival):
    """The peer's fastest arrangement, or the one in arrival order."""
    own = [row for (name, arrangement), row in rows.items() if name == peer and (not arrival or "arrival" in arrangement)]
    return max(own, key=lambda row: row["passages_per_s"], default=None)


def print_ratios(rows):
    for ours, peer, least in RATIOS:
        mine, best, arrival = best_of(rows, ours, False), best_of(rows, peer, False), best_of(rows, peer, True)
        if not (mine and best and arrival):
            print(f"{ours} / {peer}: not measured")
            continue
        ratio, ordered = (mine["passages_per_s"] / other["passages_per_s"] for other in (best, arrival))
        print(f"{ours} / {peer}: {ratio:.2f}x its best ({best['arrangement']}) {verdict(ratio, least)}, "
              f"{ordered:.2f}x in arrival order")
        if best["disturbed"] or arrival["disturbed"]:
            print("    UNPROVEN: the peer's runs were disturbed, which flatters us; measure again on a quiet machine")
        shares = []
        for figure in ("query_p50_ms", "query_p95_ms"):
            quickest = min(row[figure] for (name, _), row in rows.items() if name == peer)
            shares.append(f"{figure[6:9]} {mine[figure]:.2f} beside {quickest:.2f} ms "
                          f"{'holds' if mine[figure] <= quickest else 'MISSED'}")
        print("    one query: " + ", ".join(shares))
    print()


def vectors_of(results, peer, arrangement):
    """The stored vectors of a run, unit rows; None when there are none."""
    stored = results / f"{peer}--{arrangement.replace(' ', '-')}.npy"
    raw = results / f"{peer}.f32"
    if stored.exists():
        return numpy.load(stored)
    passages = len((results.parent / "passages.jsonl").read_text().splitlines())
    return numpy.fromfile(raw, "<f4").reshape(passages, -1) if raw.exists() else None


def nearest(vectors):
    """The ten nearest others of the first 200 passages."""
    near = vectors[:200] @ vectors.T
    near[numpy.arange(len(near)), numpy.arange(len(near))] = -2
    return numpy.argsort(-near, axis=1, kind="stable")[:, :10]


def likeness(one, other):
    """Mean and least cosine, and the share of the ten nearest that agree."""
    size = min(len(one), len(other))
    one, other = one[:size].astype(numpy.float64), other[:size].astype(numpy.float64)
    cosine = (one * other).sum(axis=1) / numpy.linalg.norm(one, axis=1) / numpy.linalg.norm(other, axis=1)
    agree = [len(set(mine) & set(theirs)) / 10 for mine, theirs in zip(nearest(one), nearest(other))]
    return cosine.mean(), cosine.min(), statistics.mean(agree), size


def print_quality(results, rows):
    found = {key: vectors for key in rows if (vectors := vectors_of(results, *key)) is not None}
    references = [vectors for (peer, _), vectors in found.items() if peer == REFERENCE]
    if not references:
        return print(f"no vectors of {REFERENCE}: quality not compared")
    reference = max(references, key=len)
    print(f"beside {REFERENCE}: cosine mean / min, overlap of the ten nearest")
    for (peer, arrangement), vectors in found.items():
        mean, least, overlap, size = likeness(vectors, reference)
        asked = QUALITY.get(peer)
        told = asked and f"(asked: {asked[0]}, {asked[1]}) {'holds' if mean >= asked[0] and overlap >= (asked[1] or 0) else 'MISSED'}"
        print(f"{peer:30} {arrangement:21} {mean:.6f} / {least:.6f}  {overlap:.4f}  of {size} {told or ''}")
    print("\nthe same text in two arrangements of one peer (1 means: a vector does not depend on its neighbours)")
    for peer in dict.fromkeys(peer for peer, _ in found):
        own = [vectors for (name, _), vectors in found.items() if name == peer]
        if len(own) > 1:
            mean, least, overlap, size = likeness(own[0], own[-1])
            print(f"{peer:30} {mean:.6f} / {least:.6f}  {overlap:.4f}  of {size}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--ceiling", nargs="*", default=[], metavar="PRECISION=TOKENS_PER_S",
                        help="what the processor's multiply-add peak allows, to print the share reached")
    arguments = parser.parse_args()
    results = arguments.work / "results"
    rows = medians(runs_of(results))
    print_figures(rows)
    print_ratios(rows)
    for precision, limit in (one.split("=") for one in arguments.ceiling):
        for row in rows.values():
            if row["peer"].endswith(f"-{precision}"):
                print(f"{row['peer']:30} {row['arrangement']:21} {row['tokens_per_s'] / float(limit):.0%} of the ceiling")
    print_quality(results, rows)


if __name__ == "__main__":
    main()
