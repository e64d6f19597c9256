//! Text becomes chunks. Spans never split a character, come in order, cover every character that is
//! not white space, and a chunk never has more tokens than asked.

mod breaks;
mod cut;
mod outline;
mod units;

use semantik_core::chunk::ChunkSettings;
use semantik_core::document::ExtractedText;

/// Byte spans of the tokens of a text, in order.
pub type TokenSpans<'a> = &'a dyn Fn(&str) -> Vec<(usize, usize)>;

/// A span to be a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub start: usize,
    pub end: usize,
    /// Bytes at the head that the piece before already has.
    pub overlap: usize,
    pub page: Option<u32>,
    pub context: Option<String>,
    pub token_count: u32,
}

/// Cuts a text. The text is tokenised once; two positions for special tokens of the model are kept
/// free. Time grows with the length of the text whatever is in it.
pub fn chunk(
    text: &ExtractedText,
    settings: &ChunkSettings,
    max_model_tokens: usize,
    tokens: TokenSpans<'_>,
) -> Vec<Piece> {
    cut::cut(text, settings, max_model_tokens, &tokens(&text.text))
}
