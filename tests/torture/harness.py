"""What every torture script needs: a folder of its own, a corpus, a server to be cruel to, and a
verdict. Standard library only.

SEMANTIK_BIN  the binary (default target/release/semantik in this checkout)
--real        use the real model (from HF_CACHE_DIR, default .cache/models) instead of mock vectors
--keep        keep the working folder
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("SEMANTIK_BIN", str(ROOT / "target/release/semantik"))
COLLECTION = "documents"
TERMINAL = {"completed", "failed", "skipped"}


def arguments(description, **numbers):
    """Parses --real, --keep and one integer flag per keyword."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--real", action="store_true", help="use the real model")
    parser.add_argument("--keep", action="store_true", help="keep the working folder")
    for name, default in numbers.items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=default)
    return parser.parse_args()


class Failed(Exception):
    """Something that must hold does not."""


def must(condition, message):
    if not condition:
        raise Failed(message)


def until(condition, seconds, what):
    """Polls until `condition()` is true; its value is returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise Failed(f"{what}: not within {seconds} s")


class Instance:
    """One data folder, with or without a server."""

    def __init__(self, folder, real=False, settings=None):
        self.data = pathlib.Path(folder)
        self.server = None
        self.url = None
        self.log = self.data.parent / (self.data.name + ".log")
        self.env = dict(os.environ, LOG_LEVEL="WARNING", NO_COLOR="1", **(settings or {}))
        if real:
            self.env.setdefault("HF_CACHE_DIR", str(ROOT / ".cache/models"))
        else:
            self.env["USE_MOCK_EMBEDDINGS"] = "true"

    def command(self, *args):
        return [BIN, "--data-dir", str(self.data), *map(os.fsdecode, args)]

    def run(self, *args, timeout=3600):
        """The finished process of a command with --json."""
        return subprocess.run(self.command("--json", *args), env=self.env, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors="replace", check=False)

    def cli(self, *args, timeout=3600):
        """The JSON a command prints; a bad exit code is a failure."""
        done = self.run(*args, timeout=timeout)
        must(done.returncode == 0, f"`semantik {' '.join(map(str, args))}` ended with {done.returncode}: {done.stderr[-800:]}")
        return json.loads(done.stdout)

    def start(self, timeout=120):
        """Starts the server on a free port and waits until it is ready; gives the seconds it took."""
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.server = subprocess.Popen(self.command("serve", "--bind", "127.0.0.1:0"), env=self.env,
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until(self.ready, timeout, "the server becomes ready")
        return time.monotonic() - began

    def ready(self):
        must(self.server.poll() is None, f"the server ended with {self.server.poll()}: {self.log_tail()}")
        try:
            announced = json.loads((self.data / "serve.json").read_text())
        except (OSError, ValueError):
            return False
        if announced.get("pid") != self.server.pid:
            return False
        self.url = announced["url"]
        return self.get("/readyz") is not None

    def get(self, path, timeout=30):
        """The body of a GET that was answered with 200, else None."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
                return answer.read()
        except (OSError, urllib.error.URLError):
            return None

    def api(self, path):
        body = self.get("/api/v2" + path)
        must(body is not None, f"GET {path} was not answered")
        return json.loads(body)

    def alive(self):
        return self.server is not None and self.server.poll() is None

    def signal_all(self, number):
        """To the server and the processes it started."""
        os.killpg(self.server.pid, number)

    def kill9(self):
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    def stop(self):
        if self.alive():
            self.server.terminate()
            try:
                self.server.wait(60)
            except subprocess.TimeoutExpired as slow:
                self.kill9()
                raise Failed("the server did not stop within 60 s of SIGTERM") from slow

    def children(self):
        """Pids of processes whose parent is the server."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    fields = pathlib.Path("/proc", entry, "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[1]) == self.server.pid:
                    found.append(int(entry))
        return found

    def log_tail(self):
        return self.log.read_text(errors="replace")[-800:] if self.log.exists() else ""

    def begin_index(self, docs):
        """Starts indexing on the running server and returns the operation's id."""
        answer = self.cli("index", docs, "--no-wait")
        return answer.get("id") or answer["operation"]

    def documents(self):
        """All documents of the collection."""
        items, cursor = [], None
        while True:
            more = ["--cursor", cursor] if cursor else []
            page = self.cli("documents", "list", COLLECTION, "--limit", "100", *more)
            items += page["items"]
            cursor = page.get("next_cursor")
            if not cursor or not page["items"]:
                return items

    def drain(self, seconds=1800):
        """Waits until no operation is open and no document is on its way; gives the seconds it took."""
        began = time.monotonic()

        def idle():
            must(self.alive(), f"the server ended with {self.server.poll()}: {self.log_tail()}")
            if self.api("/operations?open=true&limit=20")["items"]:
                return False
            counts = self.api(f"/collections/{COLLECTION}")["counts"]
            return counts.get("pending", 0) + counts.get("processing", 0) == 0

        until(idle, seconds, "all work is done")
        return time.monotonic() - began

    def snapshot(self):
        """What an undisturbed run and a disturbed one must have in common. Ids differ between data
        folders, so documents go by path."""
        documents = {d["uri"]: (d["status"], d["content_hash"], d["chunk_count"]) for d in self.documents()}
        return {"documents": documents, **self.consistent()}

    def consistent(self):
        """Chunk rows and points, after proving that they agree."""
        done = self.run("doctor", "--consistency")
        must(done.returncode in (0, 1), f"doctor ended with {done.returncode}: {done.stderr[-800:]}")
        report = json.loads(done.stdout)
        # A missing model or a small disk is the machine's matter, not this test's.
        problems = [p for p in report["problems"] if p["area"] in ("open", "store", "index", "consistency")]
        must(not problems, f"doctor finds: {json.dumps(problems)[:800]}")
        rows, points = report["counts"]["chunk_rows"], report["counts"]["index_points"]
        must(rows == points, f"{rows} chunk rows, {points} points")
        return {"chunks": rows, "points": points}

    def states(self):
        """Documents by state; every state must be an end, every bad end must have a reason."""
        counts = {}
        for document in self.documents():
            status = document["status"]
            must(status in TERMINAL, f"{document['uri']} is still {status}")
            must(status == "completed" or document["reason"], f"{document['uri']} is {status} without a reason")
            counts[status] = counts.get(status, 0) + 1
        return counts

    def finds(self, words):
        """The paths of the documents in which a search for words finds something."""
        return [hit["uri"] for hit in self.cli("search", words, "--mode", "lexical")["hits"]]


def compare(expected, found):
    """Fails with the first differences between two snapshots."""
    wanted, got = expected["documents"], found["documents"]
    differences = [f"{uri}: {wanted.get(uri)} became {got.get(uri)}" for uri in sorted(wanted.keys() | got.keys())
                   if wanted.get(uri) != got.get(uri)]
    must(not differences, f"{len(differences)} documents differ: " + "; ".join(differences[:5]))
    must(expected == found, f"{expected['chunks']} chunks became {found['chunks']}, {expected['points']} points {found['points']}")


def rss_mb(pid):
    """Resident memory of a process."""
    for line in pathlib.Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main(test, options):
    """Runs `test(folder, instance, options)` in a fresh folder; it returns figures to print."""
    name = pathlib.Path(sys.argv[0]).stem
    if not os.access(BIN, os.X_OK):
        print(f"FAIL {name}: no binary at {BIN}; build it or set SEMANTIK_BIN")
        sys.exit(2)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"semantik-{name}-"))
    started = []

    def instance(label="data", **settings):
        started.append(Instance(folder / label, options.real, settings))
        return started[-1]

    began = time.monotonic()
    try:
        figures = test(folder, instance, options) or {}
        verdict, code = "PASS", 0
    except (Failed, KeyError, OSError, ValueError, subprocess.TimeoutExpired) as problem:
        figures, verdict, code = {"problem": f"{type(problem).__name__}: {problem}"}, "FAIL", 1
    finally:
        for one in started:
            if one.alive():
                one.signal_all(signal.SIGCONT)
                one.kill9()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    figures["seconds"] = round(time.monotonic() - began, 1)
    print(f"{verdict} {name}: " + ", ".join(f"{key}={value}" for key, value in figures.items()))
    sys.exit(code)


def skip(why):
    """Ends a script that cannot run here."""
    print(f"SKIP {pathlib.Path(sys.argv[0]).stem}: {why}")
    sys.exit(77)
