//! From text to syntax, within limits of work and size.

use std::ops::ControlFlow;

use semantik_core::syntax::Syntax;
use tree_sitter::{Language, ParseOptions, Parser, Tree};

use super::grammars::{Grammar, grammars_of};
use super::walk::walk;

/// Longest text that is parsed: a tree takes many times the memory of its text.
const LONGEST: usize = 4 << 20;
/// Most reports of progress, of a hundred steps of the parser each, that all parses of a text may
/// take: time would give the same text another syntax on a busy machine.
const MOST_REPORTS: usize = 200_000;
/// A tree of which more than this part is errors says nothing worth knowing.
const BROKEN_PART: usize = 2;

/// The syntax of a text of this type, where it has one that can be read. The grammars are C, so this
/// belongs into a child process.
pub fn read(text: &str, mime: &str) -> Option<Syntax> {
    if text.len() > LONGEST {
        return None;
    }
    let mut left = MOST_REPORTS;
    let mut best: Option<(usize, Syntax)> = None;
    for grammar in grammars_of(text, mime) {
        let Some(read) = read_as(text, grammar, &mut left) else { continue };
        if best.as_ref().is_none_or(|best| read.0 < best.0) {
            best = Some(read);
        }
        if best.as_ref().is_some_and(|best| best.0 == 0) {
            break;
        }
    }
    best.filter(|(broken, _)| *broken <= text.len() / BROKEN_PART).map(|(_, syntax)| syntax)
}

/// The syntax by one grammar and how many bytes it could not make sense of.
fn read_as(text: &str, grammar: &Grammar, left: &mut usize) -> Option<(usize, Syntax)> {
    if (grammar.hazard)(text) {
        return None;
    }
    let language = Language::new(grammar.language);
    let tree = parse(text, &language, left)?;
    Some(walk(text, &tree, &grammar.roles(&language)))
}

fn parse(text: &str, language: &Language, left: &mut usize) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    let mut report = |_: &tree_sitter::ParseState| {
        *left = left.saturating_sub(1);
        if *left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut report);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}
