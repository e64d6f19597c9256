//! BERT's WordPiece for pure ASCII text, without allocation per word.
//!
//! Gives exactly the ids and spans of the reference library, or `None` where only that library
//! knows the rules: for text beyond ASCII and for text that spells out an added token. Special
//! tokens around the text are the caller's. There is no mutable state, so threads share one value.

use std::collections::HashMap;

use serde::Deserialize;

/// What a word longer than this becomes is the unknown token, in bytes.
const MOST_WORD_BYTES: usize = 100;

/// Marks a byte that is removed; no other byte folds to it.
const DROPPED: u8 = 0;

/// A vocabulary and the rules to cut words by it.
pub(crate) struct WordPiece {
    /// Open addressing: part of an entry's hash, 0 where free; the length is a power of two. Kept
    /// apart from the entries, so that a search that fails stays in the cache.
    tags: Vec<u32>,
    /// The entries, each at its tag's place.
    slots: Vec<Slot>,
    /// All entries' text, without `##`.
    text: Vec<u8>,
    unknown: u32,
    added: Vec<Vec<u8>>,
    /// Whether an added token begins with a byte, in either case.
    begins_added: [bool; 256],
    /// Each byte as words have it: in lower case, white space as a blank, controls dropped.
    folded: [u8; 256],
    /// The longest entry, in bytes.
    longest: usize,
}

/// A token and where it lies in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub id: u32,
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    id: u32,
    start: u32,
    length: u32,
}

/// The word that is being read.
struct Word {
    bytes: [u8; MOST_WORD_BYTES],
    /// Where each byte is in the text; removed bytes make gaps.
    places: [usize; MOST_WORD_BYTES],
    hash: u64,
    /// May exceed the arrays: then the word is too long.
    length: usize,
    end: usize,
}

/// The hash of entries that begin a word, and of those that continue one.
const BEGIN: u64 = 0x243F_6A88_85A3_08D3;
const CONTINUE: u64 = 0x1319_8A2E_0370_7344;

#[inline(always)]
fn extend(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
}

/// A `tokenizer.json` whose every rule is known here. Other values or other fields do not parse.
#[derive(Deserialize)]
struct File {
    added_tokens: Vec<Added>,
    normalizer: Normalizer,
    pre_tokenizer: Only,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    content: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Normalizer {
    r#type: String,
    clean_text: bool,
    #[serde(rename = "handle_chinese_chars")]
    _handle_chinese_chars: bool,
    #[serde(rename = "strip_accents")]
    _strip_accents: Option<bool>,
    lowercase: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Only {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    r#type: Option<String>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, u32>,
}

impl WordPiece {
    /// The tokenizer that a `tokenizer.json` describes, if it is BERT's and nothing else.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        let file: File = serde_json::from_slice(json).ok()?;
        let known = file.normalizer.r#type == "BertNormalizer"
            && file.normalizer.clean_text
            && file.pre_tokenizer.r#type == "BertPreTokenizer"
            && file.model.r#type.is_none_or(|kind| kind == "WordPiece")
            && file.model.continuing_subword_prefix == "##"
            && file.model.max_input_chars_per_word == MOST_WORD_BYTES;
        let vocabulary = file.model.vocab.iter().map(|(token, id)| (token.as_str(), *id));
        let added = file.added_tokens.iter().map(|added| added.content.as_str());
        known.then(|| Self::new(vocabulary, &file.model.unk_token, added, file.normalizer.lowercase)).flatten()
    }

    /// A vocabulary of `(token, id)`, the spelling of the unknown token, and the added tokens that
    /// texts are searched for. `None` when the unknown token is missing.
    pub(crate) fn new<'a>(
        vocabulary: impl IntoIterator<Item = (&'a str, u32)>,
        unknown: &str,
        added: impl IntoIterator<Item = &'a str>,
        lowercase: bool,
    ) -> Option<Self> {
        let entries: Vec<(&str, u32)> = vocabulary.into_iter().filter(|(token, _)| token.is_ascii()).collect();
        let added: Vec<Vec<u8>> =
            added.into_iter().filter(|token| !token.is_empty()).map(|token| token.as_bytes().to_vec()).collect();
        let mut begins_added = [false; 256];
        for first in added.iter().map(|token| token[0]) {
            begins_added[usize::from(first.to_ascii_lowercase())] = true;
            begins_added[usize::from(first.to_ascii_uppercase())] = true;
        }
        let places = (entries.len() * 2).next_power_of_two().max(16);
        let mut pieces = Self {
            tags: vec![0; places],
            slots: vec![Slot::default(); places],
            text: Vec::new(),
            unknown: entries.iter().find(|(token, _)| *token == unknown)?.1,
            added,
            begins_added,
            folded: std::array::from_fn(|byte| fold(byte as u8, lowercase)),
            longest: 0,
        };
        for (token, id) in entries {
            match token.strip_prefix("##") {
                Some(rest) => pieces.insert(CONTINUE, rest.as_bytes(), id),
                None => pieces.insert(BEGIN, token.as_bytes(), id),
            }
        }
        Some(pieces)
    }

    /// The ids of `text`, `most` at most.
    pub(crate) fn ids(&self, text: &str, most: usize) -> Option<Vec<u32>> {
        let mut ids = Vec::with_capacity((text.len() / 4 + 1).min(most));
        self.cut(text, |piece| {
            if ids.len() < most {
                ids.push(piece.id);
            }
            ids.len() < most
        })?;
        Some(ids)
    }

    /// All tokens of `text` with their places.
    pub(crate) fn pieces(&self, text: &str) -> Option<Vec<Piece>> {
        let mut pieces = Vec::with_capacity(text.len() / 4 + 1);
        self.cut(text, |piece| {
            pieces.push(piece);
            true
        })?;
        Some(pieces)
    }

    fn insert(&mut self, seed: u64, token: &[u8], id: u32) {
        let hash = token.iter().fold(seed, |hash, byte| extend(hash, *byte));
        if token.is_empty() || self.find(hash, seed, token).is_some() {
            return;
        }
        let mut at = hash as usize & (self.slots.len() - 1);
        while self.tags[at] != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        let (start, length) = (self.text.len() as u32, token.len() as u32);
        self.tags[at] = tag(hash, seed);
        self.slots[at] = Slot { id, start, length };
        self.text.extend_from_slice(token);
        self.longest = self.longest.max(token.len());
    }

    #[inline]
    fn find(&self, hash: u64, seed: u64, token: &[u8]) -> Option<u32> {
        let mut at = hash as usize & (self.tags.len() - 1);
        while self.tags[at] != 0 {
            if self.tags[at] == tag(hash, seed) {
                let Slot { id, start, length } = self.slots[at];
                if self.text.get(start as usize..(start + length) as usize) == Some(token) {
                    return Some(id);
                }
            }
            at = (at + 1) & (self.tags.len() - 1);
        }
        None
    }

    /// Hands the tokens to `take` until that is false.
    fn cut(&self, text: &str, mut take: impl FnMut(Piece) -> bool) -> Option<()> {
        if !text.is_ascii() || self.spells_added(text.as_bytes()) {
            return None;
        }
        let mut word =
            Word { bytes: [0; MOST_WORD_BYTES], places: [0; MOST_WORD_BYTES], hash: BEGIN, length: 0, end: 0 };
        for (place, byte) in text.bytes().enumerate() {
            let folded = self.folded[usize::from(byte)];
            if folded.is_ascii_alphanumeric() {
                word.push(folded, place);
            } else if folded != DROPPED {
                let whole = word.length == 0 || self.cut_word(&word, &mut take);
                word.clear();
                let more = whole
                    && (folded == b' ' || {
                        word.push(folded, place);
                        let more = self.cut_word(&word, &mut take);
                        word.clear();
                        more
                    });
                if !more {
                    return Some(());
                }
            }
        }
        if word.length > 0 {
            self.cut_word(&word, &mut take);
        }
        Some(())
    }

    /// One word; false when `take` is. Most words are entries themselves.
    #[inline(always)]
    fn cut_word(&self, word: &Word, take: &mut impl FnMut(Piece) -> bool) -> bool {
        let whole = word.bytes.get(..word.length).and_then(|bytes| self.find(word.hash, BEGIN, bytes));
        match whole {
            Some(id) => take(Piece { id, start: word.places[0], end: word.end }),
            None => self.cut_apart(word, take),
        }
    }

    /// The longest entries from left to right; all or nothing. False when `take` is.
    #[inline(never)]
    fn cut_apart(&self, word: &Word, take: &mut impl FnMut(Piece) -> bool) -> bool {
        let unknown = Piece { id: self.unknown, start: word.places[0], end: word.end };
        if word.length > MOST_WORD_BYTES {
            return take(unknown);
        }
        let bytes = &word.bytes[..word.length];
        let mut hashes = [0; MOST_WORD_BYTES];
        let mut pieces = [(0u32, 0u8); MOST_WORD_BYTES];
        let (mut start, mut count, mut seed) = (0, 0, BEGIN);
        while start < bytes.len() {
            let room = (bytes.len() - start).min(self.longest);
            let mut hash = seed;
            for (slot, byte) in hashes.iter_mut().zip(&bytes[start..start + room]) {
                hash = extend(hash, *byte);
                *slot = hash;
            }
            let found = (1..=room)
                .rev()
                .find_map(|length| Some((self.find(hashes[length - 1], seed, &bytes[start..start + length])?, length)));
            let Some((id, length)) = found else { return take(unknown) };
            start += length;
            pieces[count] = (id, start as u8);
            (count, seed) = (count + 1, CONTINUE);
        }
        let mut from = 0;
        pieces[..count].iter().all(|(id, to)| {
            let piece = Piece { id: *id, start: word.places[from], end: word.places[usize::from(*to) - 1] + 1 };
            from = usize::from(*to);
            take(piece)
        })
    }

    fn spells_added(&self, text: &[u8]) -> bool {
        let begins = |at: &usize| self.begins_added[usize::from(text[*at])];
        (0..text.len()).filter(begins).any(|at| {
            let spelled =
                |token: &Vec<u8>| text[at..].get(..token.len()).is_some_and(|t| t.eq_ignore_ascii_case(token));
            self.added.iter().any(spelled)
        })
    }
}

impl Word {
    #[inline(always)]
    fn clear(&mut self) {
        (self.length, self.hash) = (0, BEGIN);
    }

    #[inline(always)]
    fn push(&mut self, byte: u8, place: usize) {
        if let (Some(to), Some(at)) = (self.bytes.get_mut(self.length), self.places.get_mut(self.length)) {
            (*to, *at) = (byte, place);
        }
        self.hash = extend(self.hash, byte);
        self.length += 1;
        self.end = place + 1;
    }
}

/// The part of the hash that the place in the table does not use, never 0; the lowest bit keeps an entry that
/// begins words from being taken for one that continues them.
#[inline(always)]
fn tag(hash: u64, seed: u64) -> u32 {
    ((hash >> 32) as u32 & !1 | 2) | (seed == CONTINUE) as u32
}

fn fold(byte: u8, lowercase: bool) -> u8 {
    match byte {
        b'\t' | b'\n' | b'\r' | b' ' => b' ',
        byte if byte.is_ascii_control() || !byte.is_ascii() => DROPPED,
        byte if lowercase => byte.to_ascii_lowercase(),
        byte => byte,
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, WordPiece};

    const WORDS: [&str; 13] =
        ["[UNK]", "[CLS]", "hello", "world", "##s", "un", "##aff", "##able", "##a", "!", "a", "##b", "un##"];

    fn pieces() -> WordPiece {
        let vocabulary = WORDS.iter().zip(0..).map(|(word, id)| (*word, id));
        WordPiece::new(vocabulary, "[UNK]", ["[CLS]"], true).expect("it has the unknown token")
    }

    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = pieces().pieces(text).expect("plain ASCII");
        let spelled: Vec<(&str, &str)> =
            found.iter().map(|Piece { id, start, end }| (WORDS[*id as usize], &text[*start..*end])).collect();
        assert_eq!(spelled, expected);
        assert_eq!(pieces().ids(text, 2).map(|ids| ids.len()), Some(expected.len().min(2)));
    }

    #[test]
    fn words_are_cut_into_the_longest_entries() {
        check("Hello worlds!", &[("hello", "Hello"), ("world", "world"), ("##s", "s"), ("!", "!")]);
        check("unaffable", &[("un", "un"), ("##aff", "aff"), ("##able", "able")]);
        check("", &[]);
        check(" \t\r\n ", &[]);
    }

    #[test]
    fn a_word_that_cannot_be_cut_is_unknown_as_a_whole() {
        check("unaffx hello", &[("[UNK]", "unaffx"), ("hello", "hello")]);
        check("a!?a", &[("a", "a"), ("!", "!"), ("[UNK]", "?"), ("a", "a")]);
    }

    #[test]
    fn a_word_of_more_than_a_hundred_letters_is_unknown() {
        let (fits, long) = (format!("a{}", "b".repeat(99)), "a".repeat(101));
        assert_eq!(pieces().ids(&fits, 1000).map(|ids| ids.len()), Some(100));
        check(&format!("{long} a"), &[("[UNK]", &long), ("a", "a")]);
    }

    #[test]
    fn controls_vanish_and_join_words() {
        check("hel\u{1}lo", &[("hello", "hel\u{1}lo")]);
        check("\u{7f}a\u{0}b\u{b}", &[("a", "a"), ("##b", "b")]);
    }

    #[test]
    fn what_only_the_library_knows_is_refused() {
        assert!(pieces().ids("café", 9).is_none());
        assert!(pieces().ids("so [CLS] it is", 9).is_none());
        assert!(pieces().ids("[cls]", 9).is_none());
        assert!(pieces().ids("[CL", 9).is_some());
        assert!(WordPiece::new([("a", 0)], "[UNK]", [], true).is_none());
    }
}
