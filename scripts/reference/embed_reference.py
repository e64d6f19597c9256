#!/usr/bin/env python3
"""Makes crates/semantik-inference/tests/data/reference.json: texts and the vectors that the
reference implementation (sentence-transformers on PyTorch, CPU, float32) gives them.

usage: embed_reference.py <model folder> <output file>
needs: pip install torch sentence-transformers

Each text is encoded alone, so that padding cannot play a part.
"""
import json
import sys

from sentence_transformers import SentenceTransformer

LONG = (
    "The boundary layer over a heated flat plate thickens downstream while the wall temperature "
    "falls, and the measured transfer rates agree with theory only where the flow stays laminar. "
)
TEXTS = [
    "", " ", "\n\t  \r\n", "a", ".", "Hello, world!", "hello world", "HELLO   WORLD",
    "The quick brown fox jumps over the lazy dog.",
    "How do I reset my password?",
    "what similarity laws must be obeyed when constructing aeroelastic models of heated high speed aircraft .",
    "Invoices are due within 30 days of receipt; late payments accrue 1.5% interest per month.",
    "fn main() { let x: Vec<u8> = Vec::new(); println!(\"{:?}\", x); }",
    "def f(n):\n    return 1 if n < 2 else n * f(n - 1)\n",
    "SELECT id, name FROM users WHERE created_at > '2024-01-01' ORDER BY name;",
    "<html><body><h1>Title</h1><p>Text &amp; more</p></body></html>",
    "{\"key\": [1, 2.5, null, true], \"nested\": {\"a\": \"b\"}}",
    "/usr/share/doc/packages/README.md", "user@example.com https://example.org/a?b=c#d",
    "192.168.0.1 fe80::1 550e8400-e29b-41d4-a716-446655440000",
    "Straße, Käse, naïve café, Ångström, señor", "Zażółć gęślą jaźń", "ΑΒΓ αβγ ελληνικά",
    "Съешь же ещё этих мягких французских булок", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก",
    "你好，世界。机器学习很有趣。", "日本語のテキストとカタカナ", "안녕하세요 세계",
    "👍 great 🎉🎉 family 👨‍👩‍👧‍👦 flag 🇩🇪", "ﬁ ligature ① ½ ™ … “quotes” — dash",
    "e\u0301 combining and \u00e9 composed", "zero\u200bwidth\u00a0space\ufeff", "nul\u0000byte and \u0007 bell \ufffd",
    "x" * 120, "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "[CLS] special [SEP] tokens [MASK] in [PAD] text [UNK]",
    LONG.strip(), LONG * 3, LONG * 12, LONG * 60, "word " * 254, "word " * 300, "1234567890 " * 80, "中" * 300,
]


def main() -> None:
    folder, output = sys.argv[1:3]
    model = SentenceTransformer(folder, device="cpu")
    rows = []
    for text in TEXTS:
        vector = model.encode([text], normalize_embeddings=True, convert_to_numpy=True)[0]
        rows.append({"text": text, "vector": [float(f"{value:.7f}") for value in vector]})
    with open(output, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
