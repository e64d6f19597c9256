"""Makes the corpus of the side-by-side embedding benchmark.

    corpus.py <model folder> [work folder]

Writes `passages.jsonl` (2,000 lines of {"id", "source", "tokens", "text"}) and
`queries.txt` (200 lines of 12-18 words, taken from other passages).

The text is documentation that a development machine already has: the Rust
toolchain's HTML, docstrings of Python's standard library, manual pages and
/usr/share/doc. A passage is whole sentences of one document, markup removed,
64-256 tokens by the model's own tokenizer with its special tokens; no sentence
is used twice. The order is decided by hashes, so the same files give the same
corpus.
"""

import ast
import gzip
import hashlib
import html.parser
import json
import pathlib
import re
import sys
import sysconfig

PASSAGES, QUERIES = 2000, 200
MIN_TOKENS, MAX_TOKENS = 64, 256
PER_DOCUMENT = 4  # at most so many passages of one file
SHARES = {"rust": 900, "python": 500, "man": 600, "doc": 0}  # 0: fills what is missing
RUST_BOOKS = ("book", "reference", "nomicon", "cargo", "edition-guide", "rustc", "rustdoc", "embedded-book",
              "rust-by-example", "clippy", "style-guide", "std")
TRANSLATIONS = {"es", "ja", "ko", "zh", "fr", "ru", "pt"}


def rank(text):
    """A fixed shuffle: the place of a text in the order of its hash."""
    return hashlib.sha256(text.encode()).digest()


class Paragraphs(html.parser.HTMLParser):
    """Text of <p> and <li>, without code blocks."""

    def __init__(self):
        super().__init__()
        self.found, self.depth, self.skip = [], 0, 0

    def handle_starttag(self, tag, attrs):
        if tag in ("pre", "script", "style", "nav"):
            self.skip += 1
        elif tag in ("p", "li") and not self.skip:
            self.depth = 1
            self.found.append("")

    def handle_endtag(self, tag):
        if tag in ("pre", "script", "style", "nav"):
            self.skip = max(0, self.skip - 1)
        elif tag in ("p", "li"):
            self.depth = 0

    def handle_data(self, data):
        if self.depth and not self.skip:
            self.found[-1] += data


def rust_documents():
    """One list of paragraphs per page of the toolchain's books and of `std`."""
    roots = sorted(pathlib.Path.home().glob(".rustup/toolchains/*/share/doc/rust/html"))
    roots += sorted(pathlib.Path("/usr/share/doc").glob("rust*/html"))
    if not roots:
        return
    pages = [page for book in RUST_BOOKS for page in (roots[0] / book).rglob("*.html")
             if page.name != "print.html" and not TRANSLATIONS & set(page.parts)]
    for page in sorted(pages, key=lambda page: rank(str(page.relative_to(roots[0]))))[:4000]:
        parser = Paragraphs()
        parser.feed(page.read_text(errors="replace"))
        yield parser.found


def python_documents():
    """One list of paragraphs per module of the standard library, read and never imported."""
    root = pathlib.Path(sysconfig.get_path("stdlib"))
    modules = [path for path in root.rglob("*.py")
               if not {"site-packages", "dist-packages", "test", "tests", "idle_test"} & set(path.parts)]
    for path in sorted(modules, key=lambda path: rank(str(path.relative_to(root)))):
        try:
            tree = ast.parse(path.read_text(errors="replace"))
        except (SyntaxError, ValueError):
            continue
        nodes = [node for node in ast.walk(tree)
                 if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))]
        text = "\n\n".join(filter(None, (ast.get_docstring(node) for node in nodes)))
        text = re.sub(r"(?m)^\s*(>>>|\.\.\.).*$", "", text)
        yield re.split(r"\n\s*\n", text)


def man_documents():
    """One list of paragraphs per English manual page: the running text of its roff source."""
    pages = sorted(pathlib.Path("/usr/share/man").glob("man[1-8]/*"), key=lambda path: rank(path.name))
    for path in pages[:6000]:
        try:
            raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        except OSError:
            continue
        text = raw.decode(errors="replace")
        text = re.sub(r"(?ms)^\.(nf|EX|TS|Bd).*?^\.(fi|EE|TE|Ed)\b.*?$", "\n", text)  # examples and tables
        text = re.sub(r"(?m)^\.(B|I|BR|IR|RB|BI|IB|RI|Nm|Fl|Ar|Xr|Em|Pa)\s+(.*)$", r"\2", text)
        text = re.sub(r"(?m)^[.'].*$", "\n", text)  # every other request ends a paragraph
        text = re.sub(r"\\f(\[\w*\]|\(..|.)|\\&|\\[|^]|\\s[-+]?\d", "", text)
        text = re.sub(r"\\\((lq|rq)|\\\*\(?(lq|rq|\"|L\"|R\")", '"', text).replace("\\(aq", "'").replace("\\-", "-")
        text = text.replace("\\ ", " ").replace("\\e", "\\").replace("\\(em", "-").replace("\\(en", "-")
        yield re.split(r"\n\s*\n", text)


def doc_documents():
    """One list of paragraphs per text file in /usr/share/doc; licences are left out."""
    wanted = [path for path in pathlib.Path("/usr/share/doc").rglob("*")
              if re.match(r"(README|NEWS|FAQ|.*\.txt|.*\.md)", path.name) and path.is_file()]
    for path in sorted(wanted, key=lambda path: rank(str(path)))[:3000]:
        try:
            raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        except OSError:
            continue
        yield re.split(r"\n\s*\n", raw.decode(errors="replace"))


SOURCES = {"rust": rust_documents, "python": python_documents, "man": man_documents, "doc": doc_documents}


def sentences(paragraph):
    """The sentences of a paragraph of prose; none when it looks like code, a table or a heading."""
    text = re.sub(r":\w+:`([^`]*)`", r"\1", paragraph).replace("`", "").replace("''", '"')
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = " ".join(re.sub(r"(?<!\w)[*_]{1,2}([^*_]+)[*_]{1,2}(?!\w)", r"\1", text).split())
    if len(text) < 40 or "\\" in text or "\ufffd" in text:
        return []
    if sum(char.isalpha() or char == " " for char in text) < 0.85 * len(text):
        return []
    return [part for part in re.split(r"(?<=[.!?])\s+(?=[A-Z\"'(])", text)
            if len(part) >= 20 and part[-1] in ".!?:)\"'"]


def passages_of(source, documents, tokenizer, used):
    """Passages of one source: whole sentences up to a length that the first sentence's hash draws."""
    for paragraphs in documents:
        made, held, count, goal = 0, [], 2, 0
        for sentence in (one for paragraph in paragraphs for one in sentences(paragraph)):
            if sentence in used or made == PER_DOCUMENT:
                continue
            used.add(sentence)
            tokens = len(tokenizer.encode(sentence, add_special_tokens=False).ids)
            if count + tokens > MAX_TOKENS:
                held, count = [], 2
                continue
            if not held:
                draw = int.from_bytes(rank(sentence)[:4], "big") / 2**32
                goal = MIN_TOKENS + 160 * draw**2
            held.append(sentence)
            count += tokens
            if count >= goal:
                text = " ".join(held)
                yield {"source": source, "tokens": len(tokenizer.encode(text).ids), "text": text}
                made, held, count = made + 1, [], 2


def collect(tokenizer):
    """The passages, mixed by hash, and those kept back for the queries."""
    used, chosen, spare = set(), [], []
    for source, share in SHARES.items():
        missing = PASSAGES + QUERIES * 2 - len(chosen) - len(spare)
        if source == "doc" and missing <= 0:
            break
        fitting = (one for one in passages_of(source, SOURCES[source](), tokenizer, used)
                   if MIN_TOKENS <= one["tokens"] <= MAX_TOKENS)
        found = [one for _, one in zip(range(PASSAGES + QUERIES * 2), fitting)]
        found.sort(key=lambda one: rank(one["text"]))
        chosen += found[:share]
        spare += found[share:]
        print(f"{source}: {len(found)} passages found, {min(share, len(found))} taken")
    spare.sort(key=lambda one: rank(one["text"]))
    missing = PASSAGES - len(chosen)
    chosen += spare[:missing]
    chosen.sort(key=lambda one: rank(one["text"]))
    return chosen, spare[missing:]


def heads(spare):
    """Queries: the first 12-18 words of passages that are not in the corpus."""
    for one in spare:
        words = one["text"].split()
        size = 12 + rank(one["text"])[4] % 7
        if len(words) >= size:
            yield " ".join(words[:size])


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(pathlib.Path(sys.argv[1]) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    work = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".cache/peers")
    work.mkdir(parents=True, exist_ok=True)
    chosen, spare = collect(tokenizer)
    queries = [query for _, query in zip(range(QUERIES), heads(spare))]
    if len(chosen) < PASSAGES or len(queries) < QUERIES:
        sys.exit(f"only {len(chosen)} passages and {len(queries)} queries found: install more documentation")
    lines = [json.dumps({"id": place} | one, ensure_ascii=False) for place, one in enumerate(chosen)]
    (work / "passages.jsonl").write_text("\n".join(lines) + "\n")
    (work / "queries.txt").write_text("\n".join(queries) + "\n")
    lengths = sorted(one["tokens"] for one in chosen)
    p10, p50, p90 = (lengths[len(lengths) * part // 100] for part in (10, 50, 90))
    print(f"{len(chosen)} passages, {sum(lengths)} tokens: {lengths[0]}..{lengths[-1]}, p10 {p10}, median {p50}, p90 {p90}")


if __name__ == "__main__":
    main()
