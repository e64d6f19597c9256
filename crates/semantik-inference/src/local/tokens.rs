//! A model's tokenizer: ids for the encoder, spans for the chunker.
//!
//! Truncation and padding that a `tokenizer.json` may switch on are always off; the limit comes
//! from the model's settings. Long texts are read in pieces cut at white space, so neither time nor
//! memory grows faster than the text.

mod pair;

use std::path::Path;

use tokenizers::tokenizer::PostProcessor;
use tokenizers::{Tokenizer, TruncationDirection};

use crate::local::settings::{Settings, invalid};
use crate::local::wordpiece::WordPiece;
use crate::{InferenceError, TokenCounter};
pub(crate) use pair::{PairMarks, SECOND};

/// Pieces are about this long.
const PIECE_BYTES: usize = 16 * 1024;
/// A piece without white space is cut in the middle of a word beyond this.
const PIECE_MAX_BYTES: usize = 64 * 1024;

/// A loaded tokenizer.
pub(crate) struct ModelTokenizer {
    inner: Tokenizer,
    /// The same for plain text, where the file describes nothing else.
    fast: Option<WordPiece>,
    /// What the model wants before and after a text.
    around: [Vec<u32>; 2],
    max_tokens: usize,
}

impl ModelTokenizer {
    /// Loads `tokenizer.json` of `folder`.
    ///
    /// # Errors
    /// When it cannot be read, or knows ids the embedding table lacks.
    pub fn load(folder: &Path, settings: &Settings) -> Result<Self, InferenceError> {
        let fail = |why: String| invalid(folder, format!("tokenizer.json: {why}"));
        let text = std::fs::read(folder.join("tokenizer.json")).map_err(|error| fail(error.to_string()))?;
        // Both read the whole vocabulary, which takes longer than all else of a start.
        let (inner, fast) = std::thread::scope(|scope| {
            let beside = std::thread::Builder::new().spawn_scoped(scope, || WordPiece::read(&text));
            let inner = Tokenizer::from_bytes(&text);
            (inner, beside.ok().and_then(|thread| thread.join().ok().flatten()))
        });
        let mut inner = inner
            .map_err(|error| fail(format!("it is no tokenizer ({error}); copy it from where the model is from")))?;
        inner.with_truncation(None).map_err(|error| fail(error.to_string()))?;
        inner.with_padding(None);
        check_vocabulary(&inner, settings.shape.vocabulary()).map_err(fail)?;
        let around = special_tokens(&inner).map_err(|error| fail(error.to_string()))?;
        Ok(Self { inner, fast, around, max_tokens: settings.max_tokens })
    }

    /// Ids of `text` with the special tokens, cut to what the model takes. An empty text has only
    /// the special ones.
    ///
    /// # Errors
    /// When the tokenizer refuses the text.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, InferenceError> {
        self.ids_within(text, self.max_tokens)
    }

    /// The same, cut to `most` tokens in all.
    ///
    /// # Errors
    /// As [`Self::ids`].
    pub fn ids_within(&self, text: &str, most: usize) -> Result<Vec<u32>, InferenceError> {
        let room = most.saturating_sub(self.around.iter().map(Vec::len).sum());
        let ids = self.cut_ids(text, room)?;
        Ok([&self.around[0], &ids, &self.around[1]].into_iter().flatten().copied().collect())
    }

    /// The id of a token spelled exactly so.
    pub fn token(&self, spelling: &str) -> Option<u32> {
        self.inner.token_to_id(spelling)
    }

    /// At most `room` ids of `text` without the special tokens, reading no more of it than needed.
    fn cut_ids(&self, text: &str, room: usize) -> Result<Vec<u32>, InferenceError> {
        let mut end = piece_end(text, 0, PIECE_BYTES, PIECE_MAX_BYTES);
        loop {
            let ids = self.plain_ids(&text[..end], room)?;
            if ids.len() < room && end < text.len() {
                end = piece_end(text, 0, 2 * end, 8 * end);
                continue;
            }
            return Ok(ids);
        }
    }

    /// The same, of a piece.
    fn plain_ids(&self, text: &str, room: usize) -> Result<Vec<u32>, InferenceError> {
        if let Some(ids) = self.fast.as_ref().and_then(|fast| fast.ids(text, room)) {
            return Ok(ids);
        }
        let fail = |error: tokenizers::Error| InferenceError::Unavailable(format!("the tokenizer failed: {error}"));
        let mut encoding = self.inner.encode_fast(text, false).map_err(fail)?;
        encoding.truncate(room, 0, TruncationDirection::Right);
        Ok(encoding.get_ids().to_vec())
    }

    fn piece_spans(&self, piece: &str, start: usize, spans: &mut Vec<(usize, usize)>) {
        if let Some(tokens) = self.fast.as_ref().and_then(|fast| fast.pieces(piece)) {
            spans.extend(tokens.iter().map(|token| (start + token.start, start + token.end)));
            return;
        }
        match self.inner.encode(piece, false) {
            Ok(encoding) => spans.extend(encoding.get_offsets().iter().map(|(from, to)| (start + from, start + to))),
            Err(error) => {
                tracing::warn!(%error, "the tokenizer refused a piece of text; its words are counted instead");
                spans.extend(words(piece).map(|(from, to)| (start + from, start + to)));
            }
        }
    }
}

impl TokenCounter for ModelTokenizer {
    fn around(&self) -> usize {
        self.around.iter().map(Vec::len).sum()
    }

    fn spans(&self, text: &str) -> Vec<(usize, usize)> {
        let mut spans = Vec::with_capacity(text.len() / 4);
        let mut start = 0;
        while start < text.len() {
            let end = piece_end(text, start, PIECE_BYTES, PIECE_MAX_BYTES);
            self.piece_spans(&text[start..end], start, &mut spans);
            start = end;
        }
        spans
    }
}

/// Whether ids and rows of the table of words go together. Tables are often a little longer than the
/// vocabulary; one twice as long is another model's.
fn check_vocabulary(tokenizer: &Tokenizer, rows: usize) -> Result<(), String> {
    const OTHER: &str = "it belongs to another model; take both from the same place";
    let Some(last) = tokenizer.get_vocab(true).values().max().map(|id| *id as usize) else {
        return Err(format!("it knows no token; {OTHER}"));
    };
    if last >= rows {
        return Err(format!("knows token id {last}, but the embedding table has only {rows} rows; {OTHER}"));
    }
    if rows > 2 * (last + 1) + 1000 {
        return Err(format!("knows ids up to {last}, but the embedding table has {rows} rows; {OTHER}"));
    }
    Ok(())
}

/// What the post-processor puts before and after a text.
fn special_tokens(tokenizer: &Tokenizer) -> tokenizers::Result<[Vec<u32>; 2]> {
    let Some(processor) = tokenizer.get_post_processor() else { return Ok([Vec::new(), Vec::new()]) };
    let marked = processor.process(tokenizer.encode_fast("a", false)?, None, true)?;
    let (ids, special) = (marked.get_ids(), marked.get_special_tokens_mask());
    let first = special.iter().position(|special| *special == 0).unwrap_or(ids.len());
    let last = special.iter().rposition(|special| *special == 0).map_or(ids.len(), |at| at + 1);
    Ok([ids[..first].to_vec(), ids[last..].to_vec()])
}

/// Byte spans of the words between white space.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (usize, usize)> {
    text.split_whitespace().map(move |word| {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        (start, start + word.len())
    })
}

/// Where the piece that begins at `start` ends: after the last white space within `wanted` bytes,
/// else after the first one within `most`, else at a character's edge.
fn piece_end(text: &str, start: usize, wanted: usize, most: usize) -> usize {
    let bytes = &text.as_bytes()[start..];
    if bytes.len() <= wanted {
        return text.len();
    }
    if let Some(at) = bytes[..wanted].iter().rposition(u8::is_ascii_whitespace) {
        return start + at + 1;
    }
    let limit = bytes.len().min(most);
    match bytes[wanted..limit].iter().position(u8::is_ascii_whitespace) {
        Some(at) => start + wanted + at + 1,
        None => text.ceil_char_boundary(start + limit),
    }
}

#[cfg(test)]
mod tests {
    use super::{piece_end, words};

    #[test]
    fn pieces_end_after_white_space_or_at_a_character() {
        assert_eq!(piece_end("short", 0, 16, 64), 5);
        assert_eq!(piece_end("one two three", 0, 9, 64), 8);
        assert_eq!(piece_end("onetwothree four", 0, 4, 64), 12);
        assert_eq!(piece_end("äöüäöüäöü", 0, 3, 5), 6);
    }

    #[test]
    fn words_know_where_they_lie() {
        assert_eq!(words(" ab  cä ").collect::<Vec<_>>(), [(1, 3), (5, 8)]);
    }
}
