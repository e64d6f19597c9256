"""A full disk (a small tmpfs): the server lives and says so; with room again everything completes."""

import os
import subprocess

import corpus
import harness


def mount(target, megabytes, remount=False):
    flags = f"remount,size={megabytes}m" if remount else f"size={megabytes}m"
    return subprocess.run(["mount", "-t", "tmpfs", "-o", flags, "tmpfs", str(target)], check=False, capture_output=True)


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", options.files, size=40)
    one = instance()
    one.data.mkdir()
    done = mount(one.data, options.megabytes)
    if done.returncode != 0:
        harness.skip("mounting a tmpfs needs root")
    try:
        return fill(one, docs, options)
    finally:
        if one.alive():
            one.kill9()
        subprocess.run(["umount", "-l", str(one.data)], check=False)


def fill(one, docs, options):
    one.start()
    one.begin_index(docs)
    harness.until(lambda: free_mb(one.data) < 1 or idle(one), 600, "the disk fills up")
    harness.must(not idle(one), "the corpus fits; give more --files or fewer --megabytes")
    harness.must(one.alive(), f"the server ended: {one.log_tail()}")
    harness.must(one.get("/healthz") is not None, "the server does not answer while the disk is full")
    told = "full" in one.log.read_text(errors="replace").lower() or "disk_full" in one.run("operations", "list").stdout
    mount(one.data, 2048, remount=True)
    one.run("documents", "retry-failed", harness.COLLECTION)
    drained = one.drain()
    one.cli("index", docs)
    one.drain()
    states = one.states()
    harness.must(set(states) == {"completed"}, f"after the disk had room again: {states}")
    harness.must(told, "neither the log nor the operations tell that the disk is full")
    return {"megabytes": options.megabytes, **states, **one.consistent(), "drain_s": round(drained, 1)}


def idle(one):
    return not one.api("/operations?open=true&limit=20")["items"]


def free_mb(path):
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize / 1e6


harness.main(test, harness.arguments(__doc__, files=1500, megabytes=24))
