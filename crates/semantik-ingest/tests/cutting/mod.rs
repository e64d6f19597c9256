//! What every test of the chunker needs.

use semantik_core::chunk::{ChunkSettings, ChunkStrategy};
use semantik_core::document::{ExtractedText, TextKind};
use semantik_ingest::chunk::Piece;

/// A stand-in for a tokenizer: words in parts of at most four characters.
pub fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut start = None;
    let mut length = 0;
    for (at, character) in text.char_indices() {
        if let Some(from) = start
            && (character.is_whitespace() || length == 4)
        {
            spans.push((from, at));
            start = None;
        }
        if !character.is_whitespace() && start.is_none() {
            (start, length) = (Some(at), 0);
        }
        length += 1;
    }
    spans.extend(start.map(|from| (from, text.len())));
    spans
}

pub fn text(content: impl Into<String>, kind: TextKind) -> ExtractedText {
    ExtractedText {
        mime: "text/plain".to_owned(),
        kind,
        title: None,
        language: None,
        text: content.into(),
        pages: Vec::new(),
        headings: Vec::new(),
        syntax: None,
    }
}

pub fn settings(strategy: ChunkStrategy, max_tokens: usize, overlap_tokens: usize) -> ChunkSettings {
    ChunkSettings { strategy, max_tokens, overlap_tokens }
}

pub fn check(content: &str, pieces: &[Piece], most: u32) {
    let mut covered = 0;
    for piece in pieces {
        let span = &content[piece.start..piece.end];
        assert_eq!(span, span.trim(), "spans are trimmed");
        assert!(!span.is_empty() && piece.token_count <= most, "{piece:?} of {most}");
        let own = piece.start + piece.overlap;
        assert!(own >= covered && own < piece.end, "{piece:?} after {covered}");
        assert!(content[covered..own].trim().is_empty(), "everything is covered");
        covered = piece.end;
    }
    assert!(content[covered..].trim().is_empty(), "everything is covered to the end");
}
