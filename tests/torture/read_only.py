"""A read-only data folder: refused with a code and a sentence, by the server and by commands."""

import json
import os
import subprocess

import corpus
import harness


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", 20)
    one = instance()
    one.data.mkdir()
    mounted = os.geteuid() == 0
    if mounted:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(one.data)], check=False, capture_output=True)
        if done.returncode != 0:
            harness.skip("root without the right to mount: permissions do not bind root")
    try:
        one.cli("index", docs)
        close(one.data, mounted)
        return {name: refused(one, *args) for name, args in
                {"serve": ("serve", "--bind", "127.0.0.1:0"), "index": ("index", docs)}.items()}
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(one.data)], check=False)
        else:
            os.chmod(one.data, 0o700)


def close(path, mounted):
    if mounted:
        subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
        return
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            os.chmod(os.path.join(folder, name), 0o400)
        os.chmod(folder, 0o500)


def refused(one, *args):
    done = one.run(*args, timeout=60)
    harness.must(done.returncode == 5, f"{args[0]} ended with {done.returncode} instead of 5: {done.stderr[-400:]}")
    harness.must("data_folder_read_only" in done.stderr, f"{args[0]} does not say data_folder_read_only: {done.stderr[-400:]}")
    json.loads(done.stderr.strip().splitlines()[-1]) if done.stderr.strip().startswith("{") else None
    return "refused"


harness.main(test, harness.arguments(__doc__))
