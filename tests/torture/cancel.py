"""Cancelling works within 2 s wherever the work is; what is done stays, and a later run completes it."""

import random
import time

import corpus
import harness


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", options.files)
    rng = random.Random(options.seed)
    one = instance()
    one.start()
    slowest, cancelled = 0.0, 0
    for _ in range(options.times):
        operation = one.begin_index(docs)
        time.sleep(rng.uniform(0.0, 2.0))
        began = time.monotonic()
        done = one.run("operations", "cancel", operation)
        state = lambda: one.api(f"/operations/{operation}")["status"]
        harness.must(done.returncode == 0 or state() == "completed", f"cancel: {done.stderr[-400:]}")
        ended = harness.until(lambda: state() in ("cancelled", "completed") and state(), 30, "the operation ends")
        slowest = max(slowest, time.monotonic() - began)
        cancelled += ended == "cancelled"
    harness.must(slowest <= 2.5, f"the slowest cancel took {slowest:.1f} s")
    harness.must(cancelled, "every run had completed before it was cancelled; give more --files")
    one.cli("index", docs)
    one.drain()
    states = one.states()
    harness.must(set(states) == {"completed"}, f"after a run to the end: {states}")
    return {"cancels": options.times, "took_effect": cancelled, "slowest_s": round(slowest, 2), **states, **one.consistent()}


harness.main(test, harness.arguments(__doc__, files=3000, times=10, seed=5))
