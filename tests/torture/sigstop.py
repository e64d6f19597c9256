"""The machine pauses for a minute in the middle of the work (SIGSTOP to all processes): afterwards the
same result as without the pause."""

import signal
import time

import corpus
import harness


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", options.files)
    calm = instance("calm")
    calm.start()
    calm.cli("index", docs)
    calm.drain()
    expected = calm.snapshot()
    calm.stop()
    one = instance("paused")
    one.start()
    one.begin_index(docs)
    busy = lambda: one.api(f"/collections/{harness.COLLECTION}")["counts"].get("completed", 0) > options.files // 10
    harness.until(busy, 300, "indexing is under way")
    one.signal_all(signal.SIGSTOP)
    time.sleep(options.pause)
    one.signal_all(signal.SIGCONT)
    drained = one.drain()
    harness.compare(expected, one.snapshot())
    return {"pause_s": options.pause, "documents": len(expected["documents"]), "chunks": expected["chunks"],
            "points": expected["points"], "drain_s": round(drained, 1)}


harness.main(test, harness.arguments(__doc__, files=1500, pause=60))
