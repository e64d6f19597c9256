"""Archives that unfold to too much (bytes, members, depth): each ends with a reason, nothing else is
harmed."""

import io
import zipfile

import harness


def large(path, megabytes):
    zeros = b"0" * 1_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("zeros.txt", "w", force_zip64=True) as member:
            for _ in range(megabytes):
                member.write(zeros)


def crowded(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for at in range(members):
            archive.writestr(f"{at}.txt", "x")


def deep(path, levels):
    content, name = b"The innermost thistle.", "thistle.txt"
    for level in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        content, name = out.getvalue(), f"level-{level}.zip"
    path.write_bytes(content)


def test(folder, instance, options):
    docs = folder / "docs"
    docs.mkdir()
    large(docs / "large.zip", options.megabytes)
    crowded(docs / "crowded.zip", 20_000)
    deep(docs / "deep.zip", 12)
    (docs / "calm.txt").write_text("A quiet meadow beside the bombs.")
    one = instance()
    one.start()
    one.cli("index", docs, timeout=900)
    one.states()
    found = {d["uri"]: d for d in one.documents()}
    for name in ("large.zip", "crowded.zip"):
        harness.must(found[name]["status"] in ("failed", "skipped"), f"{name} is {found[name]['status']}")
        harness.must("bomb" in str(found[name]["reason"]) or "too_large" in str(found[name]["reason"]), f"{name}: {found[name]['reason']}")
    nested = [d for uri, d in found.items() if uri.startswith("deep.zip!")]
    harness.must(any("nested_too_deep" in str(d["reason"]) for d in [*nested, found["deep.zip"]]), "the depth was not limited with a reason")
    harness.must(found["calm.txt"]["status"] == "completed", "the text beside the bombs suffered")
    harness.must(one.alive() and one.finds("meadow"), "search does not work after the bombs")
    harness.must(harness.rss_mb(one.server.pid) < 1500, f"the server holds {harness.rss_mb(one.server.pid):.0f} MB")
    return {"documents": len(found), "rss_mb": round(harness.rss_mb(one.server.pid)), **one.consistent()}


harness.main(test, harness.arguments(__doc__, megabytes=1000))
