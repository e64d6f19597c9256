//! What every way of cutting keeps: order, coverage, size, characters.

mod cutting;

use std::time::{Duration, Instant};

use cutting::{check, settings, text, tokens};
use proptest::prelude::{ProptestConfig, any, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};
use semantik_core::chunk::ChunkStrategy;
use semantik_core::document::{Heading, Page, PageState, TextKind};
use semantik_ingest::chunk::chunk;

const ALL: [ChunkStrategy; 5] = [
    ChunkStrategy::Recursive,
    ChunkStrategy::Markdown,
    ChunkStrategy::Code,
    ChunkStrategy::Sentence,
    ChunkStrategy::Tokens,
];

fn any_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "\\PC{0,12}",
        "[a-z]{1,30}[.!?]? ",
        Just("\n\n".to_owned()),
        Just("\n".to_owned()),
        Just("日本語。テスト".to_owned()),
        Just("e\u{301}👩‍👩‍👧".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_cut_into_ordered_complete_small_pieces(
        content in any_text(), strategy in 0..5_usize, most in 2..40_usize, overlap in 0..20_usize, kind in 0..3_usize
    ) {
        let kind = [TextKind::Plain, TextKind::Code, TextKind::Table][kind];
        let pieces = chunk(&text(content.as_str(), kind), &settings(ALL[strategy], most, overlap), 512, &tokens);
        check(&content, &pieces, u32::try_from(most).expect("small"));
    }

    #[test]
    fn a_tokenizer_that_says_nothing_or_nonsense_does_no_harm(
        content in any_text(), spans in proptest::collection::vec((0..200_usize, 0..200_usize), 0..20)
    ) {
        let pieces = chunk(&text(content.as_str(), TextKind::Plain), &settings(ChunkStrategy::Recursive, 8, 2), 512, &|_| spans.clone());
        check(&content, &pieces, u32::MAX);
    }
}

#[test]
fn huge_texts_are_cut_in_seconds() {
    let word = "x".repeat(10 << 20);
    let prose =
        "The quick brown fox jumps over the lazy dog. It does so again, and again; nobody minds.\n".repeat(115_000);
    let blank = " \n".repeat(2 << 20);
    for (name, content) in [("one word", word), ("prose", prose), ("blank", blank)] {
        for strategy in ALL {
            let begun = Instant::now();
            let pieces = chunk(&text(content.as_str(), TextKind::Plain), &settings(strategy, 200, 20), 512, &tokens);
            check(&content, &pieces, 200);
            let took = begun.elapsed();
            println!("{name} {strategy:?}: {} pieces in {took:?}", pieces.len());
            assert!(took < Duration::from_secs(20), "{name} took {took:?}");
        }
    }
}

#[test]
fn an_unknown_word_of_a_megabyte_is_many_pieces() {
    let content = "é".repeat(512 << 10);
    let pieces =
        chunk(&text(content.as_str(), TextKind::Plain), &settings(ChunkStrategy::Recursive, 200, 20), 512, &|t| {
            vec![(0, t.len())]
        });
    check(&content, &pieces, 200);
    assert!(pieces.len() > 50);
}

#[test]
fn headings_end_pieces_and_name_them() {
    let content = "# Guide\n\nSome words stand here to fill it.\n\n## Install\n\nRun the installer and wait for it to end.\n\n## Use\n\nOpen it.";
    let heading = |level, name: &str| Heading {
        level,
        text: name.to_owned(),
        start: content.find(&format!("# {name}")).expect("is there") + 1 - usize::from(level),
    };
    let mut guide = text(content, TextKind::Markdown);
    guide.headings = vec![heading(1, "Guide"), heading(2, "Install"), heading(2, "Use")];
    let pieces = chunk(&guide, &settings(ChunkStrategy::Recursive, 30, 5), 512, &tokens);
    let contexts: Vec<_> = pieces.iter().map(|piece| piece.context.as_deref().expect("has headings")).collect();
    assert_eq!(contexts, ["Guide", "Guide > Install", "Guide > Use"]);
    check(content, &pieces, 30);
}

#[test]
fn a_piece_knows_the_first_page_it_touches() {
    let content = "page one text\n\npage two text";
    let page = |number, start, end| Page { number, state: PageState::Text, reason: None, start, end };
    let mut paged = text(content, TextKind::Plain);
    paged.pages = vec![page(1, 0, 13), page(2, 15, 28)];
    let pieces = chunk(&paged, &settings(ChunkStrategy::Recursive, 4, 0), 512, &tokens);
    assert_eq!(
        pieces.iter().map(|piece| (piece.page, &content[piece.start..piece.end])).collect::<Vec<_>>(),
        [(Some(1), "page one text"), (Some(2), "page two text")]
    );
}

#[test]
fn the_model_bounds_a_piece_and_overlap_begins_at_a_word() {
    let content = "one two three four five six seven eight nine ten eleven twelve";
    let pieces = chunk(&text(content, TextKind::Plain), &settings(ChunkStrategy::Recursive, 200, 2), 8, &tokens);
    check(content, &pieces, 6);
    for piece in &pieces[1..] {
        assert!(piece.overlap > 0 && content[..piece.start].ends_with(' '), "{piece:?}");
    }
}

#[test]
fn code_is_cut_between_items() {
    let content = "fn a() {\n    one();\n\n    two();\n}\n\nfn b() {\n    three();\n    four();\n}\n";
    let pieces = chunk(&text(content, TextKind::Code), &settings(ChunkStrategy::Recursive, 14, 0), 512, &tokens);
    let second = pieces.iter().find(|piece| content[piece.start..].starts_with("fn b()"));
    assert!(second.is_some(), "{:?}", pieces.iter().map(|p| &content[p.start..p.end]).collect::<Vec<_>>());
}
