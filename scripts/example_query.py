"""Reads `semantik --json documents list` from standard input and prints words to search for: the
title (or name) of one of the documents. Prints nothing when there is none."""

import json
import re
import sys


def documents(value):
    if isinstance(value, dict):
        for key in ("documents", "items", "data"):
            if isinstance(value.get(key), list):
                return value[key]
        return []
    return value if isinstance(value, list) else []


def words(document):
    text = document.get("title") or re.sub(r"\.[A-Za-z0-9]{1,8}$", "", document.get("name") or "")
    found = re.findall(r"[^\W\d_]{3,}", text)
    return found[:6]


def main():
    candidates = [words(d) for d in documents(json.load(sys.stdin)) if isinstance(d, dict)]
    # The longest says most; the first of them, so that a second call says the same.
    best = max(candidates, key=len, default=[])
    if best:
        print(" ".join(best).lower())


main()
