"""A parser that hangs: the extractor's children are frozen in the middle of their work. The document
they hold ends with a reason (or is read by the next child), all others complete, the server lives."""

import os
import signal
import time

import corpus
import harness


def freeze(one, wanted):
    """Stops children that work, until `wanted` of them are frozen."""
    frozen = set()
    end = time.monotonic() + 60
    while len(frozen) < wanted and time.monotonic() < end:
        for pid in one.children():
            if pid not in frozen:
                try:
                    os.kill(pid, signal.SIGSTOP)
                    frozen.add(pid)
                except ProcessLookupError:
                    continue
        time.sleep(0.05)
    return frozen


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", options.files)
    one = instance(EXTRACT_TIMEOUT_SECS="5")
    one.start()
    one.begin_index(docs)
    frozen = freeze(one, options.freeze)
    harness.must(frozen, "no extractor child was seen")
    drained = one.drain(600)
    states = one.states()
    failed = [d for d in one.documents() if d["status"] == "failed"]
    harness.must(len(failed) <= len(frozen), f"{len(frozen)} children were frozen, {len(failed)} documents failed")
    harness.must(all("extract_" in str(d["reason"]) for d in failed), f"reasons: {[d['reason'] for d in failed][:3]}")
    left = [pid for pid in frozen if not gone(pid)]
    harness.must(not left, f"frozen children were left behind: {left}")
    harness.must(one.finds("harbour"), "search does not work")
    return {"frozen": len(frozen), **states, **one.consistent(), "drain_s": round(drained, 1)}


harness.main(test, harness.arguments(__doc__, files=600, freeze=3))
