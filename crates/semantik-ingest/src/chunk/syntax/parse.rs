//! From text to syntax, within limits of time and size.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{Language, ParseOptions, Parser, Tree};

use super::Syntax;
use super::grammars::{Grammar, grammars_of};
use super::walk::walk;

/// Longest text that is parsed: a tree takes many times the memory of its text.
const LONGEST: usize = 10 << 20;
/// Longest time all parses of a text may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A tree of which more than this part is errors says nothing worth knowing.
const BROKEN_PART: usize = 2;

/// The syntax of a text of this type, where it has one that can be read.
pub(in crate::chunk) fn read(text: &str, mime: &str) -> Option<Syntax> {
    if text.len() > LONGEST {
        return None;
    }
    let deadline = Instant::now() + PATIENCE;
    let mut best: Option<(usize, Syntax)> = None;
    for grammar in grammars_of(text, mime) {
        let Some(read) = read_as(text, grammar, deadline) else { continue };
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
fn read_as(text: &str, grammar: &Grammar, deadline: Instant) -> Option<(usize, Syntax)> {
    if (grammar.hazard)(text) {
        return None;
    }
    let language = Language::new(grammar.language);
    let tree = parse(text, &language, deadline)?;
    Some(walk(text, &tree, &grammar.roles(&language)))
}

fn parse(text: &str, language: &Language, deadline: Instant) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    let mut in_time = |_: &tree_sitter::ParseState| {
        if Instant::now() < deadline { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut in_time);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}
