//! Tokens of a model whose tokenizer is elsewhere, estimated.
//!
//! A token is taken to be up to four Latin letters of one word, two letters of Greek, Cyrillic, Hebrew
//! or Arabic, two signs, or one letter of any other script. For English that is about a third more
//! than the usual tokenizers make, so a chunk measured by it fits.

use crate::TokenCounter;
use crate::remote::Truncation;

/// What a token holds.
const FULL: u32 = 4;

/// Counts by estimate.
pub(crate) struct Estimate;

impl TokenCounter for Estimate {
    fn spans(&self, text: &str) -> Vec<(usize, usize)> {
        spans(text).collect()
    }
}

/// Byte spans of the estimated tokens.
fn spans(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut letters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while letters.next_if(|(_, letter)| letter.is_whitespace()).is_some() {}
        let (start, first) = letters.next()?;
        let (mut end, mut held) = (start + first.len_utf8(), weight(first));
        while let Some((at, letter)) =
            letters.next_if(|(_, letter)| !letter.is_whitespace() && held + weight(*letter) <= FULL)
        {
            (end, held) = (at + letter.len_utf8(), held + weight(letter));
        }
        Some((start, end))
    })
}

/// What a letter takes of a token.
fn weight(letter: char) -> u32 {
    match letter {
        letter if letter.is_ascii_punctuation() => 2,
        '\0'..'\u{370}' => 1,
        '\u{370}'..'\u{900}' => 2,
        _ => FULL,
    }
}

/// How many tokens a text has, at most `most` (more are not counted).
pub(crate) fn count(text: &str, most: usize) -> usize {
    spans(text).take(most).count()
}

/// A text of at most `room` tokens, cut at the end that may go.
pub(crate) fn cut(text: &str, room: usize, truncation: Truncation) -> &str {
    match truncation {
        Truncation::None => text,
        Truncation::End => spans(text).nth(room).map_or(text, |(start, _)| &text[..start]),
        Truncation::Start => {
            let all = spans(text).count();
            spans(text).nth(all.saturating_sub(room)).map_or("", |(start, _)| &text[start..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Truncation, count, cut, spans};

    fn pieces(text: &str) -> Vec<&str> {
        spans(text).map(|(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn words_are_cut_into_pieces_by_script() {
        assert_eq!(pieces(" the embeddings, café "), ["the", "embe", "ddin", "gs,", "café"]);
        assert_eq!(pieces("привет 東京"), ["пр", "ив", "ет", "東", "京"]);
        assert_eq!(pieces(" \n"), [""; 0]);
        assert_eq!(count("a b c d", 3), 3);
    }

    #[test]
    fn a_text_loses_the_end_that_may_go() {
        let text = "one two three four";
        assert_eq!(cut(text, 2, Truncation::End), "one two ");
        assert_eq!(cut(text, 2, Truncation::Start), "e four");
        assert_eq!(cut(text, 2, Truncation::None), text);
        assert_eq!(cut(text, 9, Truncation::End), text);
        assert_eq!(cut(text, 9, Truncation::Start), text);
        assert_eq!(cut("", 2, Truncation::Start), "");
    }
}
