#!/usr/bin/env python3
"""What the reference encoder with exact search, and a standard BM25, reach on Cranfield.

usage: cranfield_reference.py <model folder> <cran.all.1400> <cran.qry> <QRelsCorrectedforTRECeval>
needs: pip install torch sentence-transformers bm25s PyStemmer

A document is its title and abstract as one text (the abstract repeats the title; it is kept once),
cut by the model at its limit. A query's number in the judgements is its position in the query
file. Judgement codes 1-4 become gains 4, 3, 2, 1; 5 and -1 are not relevant.
"""
import math
import re
import sys

import bm25s
import numpy as np
import Stemmer
from sentence_transformers import SentenceTransformer

GAINS = {1: 4, 2: 3, 3: 2, 4: 1}


def records(path):
    """Yields (number, {field: text}) of a SMART-format file."""
    for part in re.split(r"^\.I\s+", open(path, encoding="utf-8", errors="replace").read(), flags=re.M)[1:]:
        number, _, rest = part.partition("\n")
        pieces = re.split(r"^\.([TABW])\s*$", rest, flags=re.M)
        yield int(number), {pieces[at]: " ".join(pieces[at + 1].split()) for at in range(1, len(pieces), 2)}


def judgements(path):
    gains = {}
    for line in open(path):
        if line.strip():
            query, _, document, code = line.split()
            gains.setdefault(int(query), {})[int(document)] = GAINS.get(int(code), 0)
    return gains


def measures(ranking, gains):
    ideal = sorted(gains.values(), reverse=True)[:10]
    discount = lambda values: sum(gain / math.log2(at + 2) for at, gain in enumerate(values))
    relevant = {document for document, gain in gains.items() if gain > 0}
    hits = [at for at, document in enumerate(ranking) if document in relevant]
    precision = sum((count + 1) / (at + 1) for count, at in enumerate(hits)) / len(relevant)
    return (
        discount([gains.get(document, 0) for document in ranking[:10]]) / discount(ideal),
        precision,
        sum(at < 100 for at in hits) / len(relevant),
        1 / (hits[0] + 1) if hits and hits[0] < 10 else 0.0,
    )


def report(name, scores, numbers, gains):
    rows = []
    for position, row in enumerate(scores, start=1):
        if any(gains.get(position, {}).values()):
            order = np.argsort(-row, kind="stable")
            rows.append(measures([numbers[at] for at in order], gains[position]))
    ndcg, average, recall, reciprocal = np.mean(rows, axis=0)
    print(f"{name:<28} nDCG@10 {ndcg:.4f}  MAP {average:.4f}  Recall@100 {recall:.4f}  MRR@10 {reciprocal:.4f}  ({len(rows)} queries)")


def main():
    folder, documents, queries, qrels = sys.argv[1:5]
    numbers, texts = [], []
    for number, fields in records(documents):
        title, body = fields.get("T", ""), fields.get("W", "")
        numbers.append(number)
        texts.append(body if body.startswith(title) else f"{title} {body}".strip())
    questions = [fields["W"] for _, fields in records(queries)]
    gains = judgements(qrels)
    print(f"{len(texts)} documents, {len(questions)} queries")

    model = SentenceTransformer(folder, device="cpu")
    encode = lambda many: model.encode(many, batch_size=8, normalize_embeddings=True, convert_to_numpy=True)
    report("reference encoder, exact", encode(questions) @ encode(texts).T, numbers, gains)

    for name, method in (("BM25 (Lucene)", "lucene"), ("BM25 (Robertson)", "robertson")):
        stemmer = Stemmer.Stemmer("english")
        index = bm25s.BM25(k1=1.2, b=0.75, method=method)
        index.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)
        words = bm25s.tokenize(questions, stopwords="en", stemmer=stemmer, show_progress=False, return_ids=False)
        report(f"{name}, stop words out", np.array([index.get_scores(row) for row in words]), numbers, gains)
        index = bm25s.BM25(k1=1.2, b=0.75, method=method)
        index.index(bm25s.tokenize(texts, stopwords=None, stemmer=stemmer, show_progress=False), show_progress=False)
        words = bm25s.tokenize(questions, stopwords=None, stemmer=stemmer, show_progress=False, return_ids=False)
        report(f"{name}, all words", np.array([index.get_scores(row) for row in words]), numbers, gains)


if __name__ == "__main__":
    main()
