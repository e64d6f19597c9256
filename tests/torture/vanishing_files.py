"""Files that vanish, change and come back while the folder is read: every document ends in a clear
state, and the next run agrees with the folder."""

import random
import threading

import corpus
import harness


def trouble(docs, stop, seed):
    """Deletes, rewrites and adds files until told to stop."""
    rng = random.Random(seed)
    files = sorted(path for path in docs.rglob("*") if path.is_file())
    at = 0
    while not stop.wait(0.003):
        path = rng.choice(files)
        at += 1
        if at % 3 == 0:
            path.unlink(missing_ok=True)
        elif path.suffix == ".txt":
            path.write_text(f"Rewritten {at}: the pigeon carries letter {at}.")


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", options.files)
    one = instance()
    one.start()
    stop = threading.Event()
    thread = threading.Thread(target=trouble, args=(docs, stop, options.seed))
    thread.start()
    try:
        one.begin_index(docs)
        one.drain()
    finally:
        stop.set()
        thread.join()
    during = one.states()
    one.cli("index", docs)
    one.drain()
    after = one.states()
    there = {str(path.relative_to(docs)) for path in docs.rglob("*") if path.is_file()}
    known = {d["uri"] for d in one.documents() if d["parent"] is None}
    harness.must(there == known, f"{len(there - known)} files are not known, {len(known - there)} documents have no file")
    harness.must(set(after) == {"completed"}, f"after a calm run: {after}")
    return {"during": during, "files_left": len(there), **one.consistent()}


harness.main(test, harness.arguments(__doc__, files=1500, seed=3))
