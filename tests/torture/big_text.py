"""One text file of 200 MB: refused by the default limit with a reason; read when the limit allows it."""

import random

import corpus
import harness


def write(path, megabytes):
    rng = random.Random(7)
    block = "\n\n".join(corpus.paragraphs(rng, 4000)).encode()
    with open(path, "wb") as out:
        at = 0
        while out.tell() < megabytes * 1_000_000:
            out.write(b"Part %d begins here.\n\n" % at + block + b"\n\n")
            at += 1
    return path.stat().st_size


def test(folder, instance, options):
    docs = folder / "docs"
    docs.mkdir()
    size = write(docs / "big.txt", options.megabytes)
    (docs / "small.txt").write_text("The lantern stands beside the big one.")
    strict = instance("strict")
    strict.start()
    strict.cli("index", docs)
    refused = {d["name"]: d for d in strict.documents()}
    harness.must(refused["big.txt"]["status"] in ("failed", "skipped"), f"over the limit, yet {refused['big.txt']['status']}")
    harness.must("too_large" in str(refused["big.txt"]["reason"]), f"reason: {refused['big.txt']['reason']}")
    harness.must(refused["small.txt"]["status"] == "completed", "the small file suffered")
    strict.stop()
    wide = instance("wide", MAX_FILE_SIZE_MB="400", EXTRACT_MAX_OUTPUT_MB="400", EXTRACT_TIMEOUT_SECS="1200", EXTRACT_MEMORY_MB="4096")
    wide.start()
    answer = wide.cli("index", docs, timeout=4 * 3600)
    states = wide.states()
    harness.must(states == {"completed": 2}, f"with a wider limit: {states} {[d['reason'] for d in wide.documents()]}")
    return {"bytes": size, "by_default": refused["big.txt"]["status"], "index_s": round(answer["seconds"], 1),
            "rss_mb": round(harness.rss_mb(wide.server.pid)), **wide.consistent()}


harness.main(test, harness.arguments(__doc__, megabytes=200))
