"""Names that are not UTF-8, or strange in other ways: read, listed, found and opened like any other."""

import os

import harness

NAMES = [b"caf\xe9.txt", b"\xff\xfe\xfd.txt", b"line\nbreak.txt", b"100%.txt", b"%E9.txt", b"quote'\".txt", b"a!b.txt",
         b"tab\there.txt", b" leading.txt", b"trailing .txt", b"\xe2\x80\xaegnp.txt", b"-rf.txt", b"*.txt", b"back\\slash.txt"]


def test(folder, instance, options):
    docs = os.fsencode(folder / "docs")
    os.makedirs(os.path.join(docs, b"dir\xe9"))
    words = {}
    for at, name in enumerate([*NAMES, b"dir\xe9/in\xe9.txt"]):
        word = f"zebra{chr(97 + at)}"
        with open(os.path.join(docs, name), "w", encoding="utf-8") as file:
            file.write(f"This file says {word} to whoever looks.")
        words[word] = name
    one = instance()
    one.start()
    one.cli("index", folder / "docs")
    states = one.states()
    harness.must(states == {"completed": len(words)}, f"states: {states}")
    uris = {d["uri"]: d["id"] for d in one.documents()}
    harness.must(len(uris) == len(words), f"{len(words)} files, {len(uris)} different paths")
    for word, name in words.items():
        hits = one.finds(word)
        harness.must(len(hits) == 1, f"{word} in {name!r}: {len(hits)} hits")
        content = one.cli("documents", "content", uris[hits[0]])
        harness.must(word in str(content), f"the content of {name!r} is another file's")
    again = one.cli("index", folder / "docs")
    harness.must(again["documents"]["completed"] == len(words), f"the second run: {again['documents']}")
    return {"names": len(words), **states, **one.consistent()}


harness.main(test, harness.arguments(__doc__))
