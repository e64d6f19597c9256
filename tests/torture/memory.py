"""Resident memory of the server: idle before any model is loaded, and over time while 10,000 documents
are indexed. It must not grow with the number of documents."""

import statistics
import time

import corpus
import harness


def watch(one, operation):
    """(seconds, MB of the server, MB of its children) once a second until the operation ends."""
    series, began = [], time.monotonic()
    while one.api(f"/operations/{operation}")["status"] in ("pending", "processing"):
        children = 0.0
        for pid in one.children():
            try:
                children += harness.rss_mb(pid)
            except OSError:
                continue
        series.append((time.monotonic() - began, harness.rss_mb(one.server.pid), children))
        time.sleep(1)
    return series


def test(folder, instance, options):
    docs = corpus.make(folder / "docs", options.files)
    one = instance()
    one.start()
    time.sleep(5)
    idle = harness.rss_mb(one.server.pid)
    series = watch(one, one.begin_index(docs))
    one.drain()
    harness.must(len(series) >= 8, "too short to say anything; give more --files")
    for seconds, server, children in series[:: max(1, len(series) // 20)]:
        print(f"  {seconds:7.0f} s  server {server:7.1f} MB  children {children:7.1f} MB")
    quarter = len(series) // 4
    middle = statistics.median(row[1] for row in series[quarter: 2 * quarter])
    late = statistics.median(row[1] for row in series[-quarter:])
    harness.must(idle < 60, f"idle, the server holds {idle:.0f} MB")
    harness.must(late < middle * 1.25 + 20, f"memory grows: {middle:.0f} MB in the second quarter, {late:.0f} MB in the last")
    return {"idle_mb": round(idle, 1), "second_quarter_mb": round(middle, 1), "last_quarter_mb": round(late, 1),
            "peak_mb": round(max(row[1] for row in series), 1), "documents": options.files, **one.consistent()}


harness.main(test, harness.arguments(__doc__, files=10_000))
