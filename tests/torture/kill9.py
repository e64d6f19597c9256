"""kill -9 at random moments while indexing: after restart and drain, the same documents, chunks and
points as an undisturbed run."""

import random
import time

import corpus
import harness


def undisturbed(docs, instance):
    one = instance("calm")
    one.start()
    one.cli("index", docs)
    one.drain()
    expected = one.snapshot()
    one.stop()
    return expected


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", options.files, options.seed)
    expected = undisturbed(docs, instance)
    rng = random.Random(options.seed)
    victim = instance("killed")
    slowest, busy = 0.0, 0
    for _ in range(options.kills):
        slowest = max(slowest, victim.start())
        # Starting again is what a person would do; a run that is open already is joined.
        done = victim.run("index", docs, "--no-wait")
        harness.must(done.returncode in (0, 4), f"index after a kill: {done.stderr[-400:]}")
        time.sleep(rng.uniform(0.0, options.max_ms / 1000))
        busy += bool(victim.api("/operations?open=true&limit=20")["items"])
        victim.kill9()
    victim.start()
    victim.cli("index", docs)
    drained = victim.drain()
    harness.compare(expected, victim.snapshot())
    return {"kills": options.kills, "while_busy": busy, "documents": len(expected["documents"]), "chunks": expected["chunks"],
            "points": expected["points"], "slowest_start_s": round(slowest, 2), "drain_s": round(drained, 1)}


harness.main(test, harness.arguments(__doc__, kills=20, files=1500, seed=1, max_ms=1500))
