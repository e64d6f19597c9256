"""Reads `semantik --json documents list` or `search` from standard input and prints words to search
for: the title (or name) of one of the documents, or words of the first passage. Prints nothing when
there is none."""

import json
import re
import sys


def documents(value):
    if isinstance(value, dict):
        for key in ("items", "hits"):
            if isinstance(value.get(key), list):
                return value[key]
        return []
    return value if isinstance(value, list) else []


def words(document):
    text = document.get("text") or document.get("title") or re.sub(r"\.[A-Za-z0-9]{1,8}$", "", document.get("name") or "")
    found = re.findall(r"[^\W\d_]{3,}", text)
    return found[:6]


def main():
    answer = json.load(sys.stdin)
    candidates = [words(d) for d in documents(answer) if isinstance(d, dict)]
    candidates = candidates[:1] if "hits" in answer else candidates
    # The longest says most; the first of them, so that a second call says the same.
    best = max(candidates, key=len, default=[])
    if best:
        print(" ".join(best).lower())


main()
