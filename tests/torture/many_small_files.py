"""A folder of 50,000 small files: all completed, and a second run finds nothing to do."""

import time

import harness


def test(folder, instance, options):
    docs = folder / "docs"
    for at in range(options.files):
        path = docs / f"{at // 1000:03}" / f"{at:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Note {at} about the harbour and the ledger of day {at % 365}.\n")
    one = instance()
    one.start()
    began = time.monotonic()
    one.cli("index", docs, timeout=4 * 3600)
    first = time.monotonic() - began
    began = time.monotonic()
    one.cli("index", docs)
    second = time.monotonic() - began
    states = one.states()
    harness.must(states == {"completed": options.files}, f"states: {states}")
    harness.must(second < max(60, first / 4), f"the second run took {second:.0f} s, the first {first:.0f} s")
    return {"files": options.files, "first_s": round(first, 1), "second_s": round(second, 1),
            "rss_mb": round(harness.rss_mb(one.server.pid)), **one.consistent()}


harness.main(test, harness.arguments(__doc__, files=50_000))
