//! Code is cut by its syntax: where chunks begin in each language, what they are called, and what
//! broken, foreign and hostile code may not do.

#[path = "../cutting/mod.rs"]
mod cutting;
mod sources;

use cutting::{check, settings, text, tokens};
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use semantik_core::chunk::ChunkStrategy;
use semantik_core::document::{ExtractedText, TextKind};
use semantik_ingest::chunk::{Piece, chunk};
use semantik_ingest::extract::read_syntax;
use sources::{C, CPP, GO, JAVA, JAVASCRIPT, PHP, PYTHON, RUBY, RUST, SOURCES, TSX, TYPESCRIPT};

fn code(mime: &str, source: &str) -> ExtractedText {
    let syntax = read_syntax(source, mime);
    ExtractedText { mime: mime.to_owned(), syntax, ..text(source, TextKind::Code) }
}

fn cut(mime: &str, source: &str, most: usize) -> Vec<Piece> {
    let pieces = chunk(&code(mime, source), &settings(ChunkStrategy::Recursive, most, 0), 512, &tokens);
    check(source, &pieces, u32::try_from(most).expect("small"));
    pieces
}

#[track_caller]
fn check_begins(mime: &str, source: &str, expected: &[&str]) {
    let pieces = cut(mime, source, 30);
    let begins: Vec<_> =
        pieces.iter().filter_map(|piece| source[piece.start..piece.end].lines().next().map(str::trim)).collect();
    assert_eq!(begins, expected, "{mime}");
}

#[test]
fn pieces_of_rust_begin_at_items() {
    check_begins(
        "text/x-rust",
        RUST,
        &[
            "use std::fmt;",
            "impl fmt::Display for Point {",
            "fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {",
            "fn other(&self) -> i32 {",
            "fn last() {",
        ],
    );
}

#[test]
fn pieces_of_python_begin_at_items() {
    check_begins(
        "text/x-python",
        PYTHON,
        &[r#""""Shapes.""""#, "def area(self):", "# How far it is around.", "@decorated"],
    );
}

#[test]
fn pieces_of_javascript_begin_at_items() {
    check_begins(
        "text/javascript",
        JAVASCRIPT,
        &[
            r#"import { one } from "./one.js";"#,
            "/** A shape. */",
            "// Draws it.",
            "export const last = (one, two) => {",
            "module.exports = {",
        ],
    );
}

#[test]
fn pieces_of_typescript_begin_at_items() {
    check_begins(
        "text/x-typescript",
        TYPESCRIPT,
        &[
            "interface Shape<T> {",
            r#"@Component({ selector: "a" })"#,
            "constructor(private readonly x: number) {}",
            "// The area.",
            "export function last(one: string): void {",
        ],
    );
}

#[test]
fn pieces_of_typescript_with_elements_begin_at_items() {
    check_begins(
        "text/x-typescript",
        TSX,
        &[
            "type Props = { title: string };",
            "export function Page({ title }: Props) {",
            r#"return <main className="page"><h1>{title}</h1></main>;"#,
            "/** The last. */",
        ],
    );
}

#[test]
fn pieces_of_go_begin_at_items() {
    check_begins("text/x-go", GO, &["package main", "// Run runs it.", "return nil"]);
}

#[test]
fn pieces_of_java_begin_at_items() {
    check_begins("text/x-java", JAVA, &["package a.b;", "/** A shape. */", "/** Makes it. */", "@Override"]);
}

#[test]
fn pieces_of_c_begin_at_items() {
    check_begins("text/x-c", C, &["#ifndef SHAPE_H", "/* Adds", "#ifdef DEBUG"]);
}

#[test]
fn pieces_of_cpp_begin_at_items() {
    check_begins(
        "text/x-c++",
        CPP,
        &["#include <vector>", "namespace shapes {", "public:", "int Other::method(int a) {"],
    );
}

#[test]
fn pieces_of_ruby_begin_at_items() {
    check_begins("text/x-ruby", RUBY, &[r#"require "set""#, "# Makes it.", "def self.unit"]);
}

#[test]
fn pieces_of_php_begin_at_items() {
    check_begins(
        "text/x-php",
        PHP,
        &[
            "<?php",
            "/** A shape. */",
            "// Makes it.",
            "public function area(): int",
            "function last(string $one): string",
        ],
    );
}

#[track_caller]
fn check_contexts(mime: &str, source: &str, expected: &[Option<&str>]) {
    let pieces = cut(mime, source, 30);
    assert_eq!(pieces.iter().map(|piece| piece.context.as_deref()).collect::<Vec<_>>(), expected, "{mime}");
}

#[test]
fn a_piece_of_code_carries_the_items_around_it() {
    check_contexts(
        "text/x-rust",
        RUST,
        &[
            None,
            Some("impl fmt::Display for Point"),
            Some("impl fmt::Display for Point > fn fmt"),
            Some("impl fmt::Display for Point"),
            Some("fn last"),
        ],
    );
    check_contexts(
        "text/x-python",
        PYTHON,
        &[None, Some("class Shape > def area"), Some("class Shape > def length"), Some("def last")],
    );
    check_contexts(
        "text/javascript",
        JAVASCRIPT,
        &[None, Some("class Shape"), Some("class Shape"), Some("function last"), None],
    );
    check_contexts("text/x-go", GO, &[None, Some("func (s *Server) Run"), Some("func (s *Server) Run")]);
    check_contexts(
        "text/x-java",
        JAVA,
        &[None, Some("class Shape"), Some("class Shape > constructor Shape"), Some("class Shape")],
    );
    check_contexts("text/x-c", C, &[None, Some("function add"), None]);
    check_contexts(
        "text/x-c++",
        CPP,
        &[None, Some("namespace shapes"), Some("namespace shapes > class Shape"), Some("namespace shapes")],
    );
    check_contexts(
        "text/x-ruby",
        RUBY,
        &[None, Some("module Shapes > class Shape > def initialize"), Some("module Shapes > class Shape")],
    );
    check_contexts(
        "text/x-php",
        PHP,
        &[
            None,
            Some("class Shape"),
            Some("class Shape > method __construct"),
            Some("class Shape"),
            Some("function last"),
        ],
    );
}

#[test]
fn a_context_has_at_most_two_hundred_characters() {
    let name = "a_very_long_name_indeed".repeat(6);
    let nested = (0..20).fold("one();\ntwo();\n".repeat(40), |inner, _| format!("mod {name} {{\n{inner}}}\n"));
    let contexts = cut("text/x-rust", &nested, 60).into_iter().filter_map(|piece| piece.context);
    assert_eq!(contexts.map(|context| context.chars().count()).max(), Some(200));
}

#[test]
fn small_items_share_a_piece_and_large_ones_are_cut_at_statements() {
    let small: String = (0..40).map(|n| format!("fn item{n}() {{}}\n")).collect();
    let pieces = cut("text/x-rust", &small, 60);
    assert!(pieces.len() < 10 && pieces.iter().all(|piece| small[piece.start..].starts_with("fn ")), "{pieces:?}");
    let large = format!("fn large() {{\n{}}}\n", "    call_it(|x| {\n        x + 1\n    });\n".repeat(40));
    let pieces = cut("text/x-rust", &large, 60);
    assert!(pieces[1..].iter().all(|piece| large[piece.start..].starts_with("call_it(|x|")), "{pieces:?}");
    assert!(pieces.iter().all(|piece| piece.context.as_deref() == Some("fn large")), "{pieces:?}");
}

#[test]
fn a_header_of_cpp_and_a_script_by_its_first_line_find_their_grammar() {
    let header = cut("text/x-c", CPP, 30);
    assert_eq!(header, cut("text/x-c++", CPP, 30));
    let script = format!("#!/usr/bin/env python3\n{PYTHON}");
    let pieces = cut("text/x-shellscript", &script, 30);
    assert!(pieces.iter().any(|piece| piece.context.as_deref() == Some("class Shape > def length")), "{pieces:?}");
    let perl = cut("text/x-shellscript", "#!/usr/bin/perl\nsub one { 1 }\n", 30);
    assert_eq!(perl.len(), 1);
}

#[test]
fn the_code_strategy_needs_no_kind_and_a_type_without_grammar_is_cut_by_lines() {
    let plain = ExtractedText { kind: TextKind::Plain, ..code("text/x-rust", RUST) };
    let pieces = chunk(&plain, &settings(ChunkStrategy::Code, 30, 0), 512, &tokens);
    assert_eq!(pieces, cut("text/x-rust", RUST, 30));
    assert!(cut("text/x-unheard-of", RUST, 30).iter().all(|piece| piece.context.is_none()));
}

#[test]
fn broken_code_keeps_what_can_be_read() {
    let broken = RUST.replace("0 => one(),", "0 => = one(, ");
    let pieces = cut("text/x-rust", &broken, 30);
    for begin in ["impl fmt::Display", "fn other(&self)", "fn last()"] {
        assert!(pieces.iter().any(|piece| broken[piece.start..].starts_with(begin)), "{begin}: {pieces:?}");
    }
    for mime in SOURCES.iter().map(|source| source.0) {
        for source in ["", "\n", "}", "é", "\u{feff}x", "\0", "{{{{", "\"", "'''", "<<A", "#!", "\\"] {
            cut(mime, source, 30);
        }
    }
}

#[test]
fn hostile_code_is_cut_like_any_other() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(25_000), close.repeat(25_000));
    let nested = [deep("(", ")"), deep("{", "}"), deep("[", "")];
    let hostile = [
        deep("<a>", ""),
        deep("if x {\n", "}\n"),
        deep("<<A\n", "A\n"),
        deep("// a\n", "b;\n"),
        "#[a]\n".repeat(50_000),
        "-1".repeat(1 << 18),
        "a".repeat(11 << 20),
        "a;\n".repeat(1 << 18),
    ];
    let languages = SOURCES.iter().map(|source| source.0);
    let everywhere = languages.flat_map(|mime| nested.iter().map(move |source| (mime, source)));
    for (mime, source) in everywhere.chain(hostile.iter().map(|source| ("text/x-rust", source))) {
        let code = code(mime, source);
        let pieces = chunk(&code, &settings(ChunkStrategy::Recursive, 200, 20), 512, &tokens);
        check(source, &pieces, 200);
        let stored = serde_json::to_vec(&code.syntax).expect("plain data").len();
        assert!(stored < 4 * source.len() + 100, "{mime}: {stored} bytes of syntax for {}", source.len());
    }
}

/// Each of these made a scanner end the process.
#[test]
fn code_that_overruns_a_scanner_is_cut_by_lines() {
    let word = "A".repeat(300);
    let open = format!("x = <<{word}, <<\"{word}\"\nfoo #{{a}}\n");
    let nested = |step: &str| {
        let lines: String = (0..520).map(|depth| format!("{}if x:\n", step.repeat(depth))).collect();
        format!("{lines}{}y = f\"{{a}}\"\n", step.repeat(520))
    };
    let continued: String = (0..520)
        .map(|depth| format!("{}\\\n{}if x:\n", " ".repeat(depth / 2), " ".repeat(depth - depth / 2)))
        .collect();
    for (mime, source) in [
        ("text/x-ruby", open),
        ("text/x-python", nested(" ")),
        ("text/x-python", nested("\t")),
        ("text/x-python", continued),
    ] {
        assert!(cut(mime, &source, 60).iter().all(|piece| piece.context.is_none()), "{mime}");
    }
}

/// A change to a text: what stands at a place is lost, and a part of the text and a character come
/// in its stead.
type Change = (prop::sample::Index, u8, prop::sample::Index, u8, char);

fn change(source: &str, (at, lost, from, most, noise): &Change) -> String {
    let mut letters: Vec<char> = source.chars().collect();
    let at = at.index(letters.len() + 1);
    let from = from.index(letters.len() + 1);
    let copied = letters[from..(from + usize::from(*most)).min(letters.len())].to_vec();
    let end = (at + usize::from(lost / 8)).min(letters.len());
    letters.splice(at..end, copied.into_iter().chain([*noise]));
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn changed_code_of_any_language_is_cut_into_ordered_complete_small_pieces(
        changes in prop::collection::vec(any::<Change>(), 0..12),
        most in 2..60_usize, overlap in 0..20_usize, language in 0..SOURCES.len(), other in 0..SOURCES.len()
    ) {
        let source = changes.iter().fold(SOURCES[language].1.to_owned(), |source, one| change(&source, one));
        for mime in [SOURCES[language].0, SOURCES[other].0] {
            let pieces = chunk(&code(mime, &source), &settings(ChunkStrategy::Recursive, most, overlap), 512, &tokens);
            check(&source, &pieces, u32::try_from(most).expect("small"));
            assert!(pieces.iter().all(|piece| piece.context.as_ref().is_none_or(|c| c.chars().count() <= 200)));
        }
    }
}
