//! How text becomes words: the same for passages, queries and highlights.
//!
//! Letters and digits in a row are a word; a Chinese, Japanese or Thai character is one by itself.
//! Words are lower-cased, folded to ASCII where that is possible, and stemmed as English.

use frostem::{Algorithm, Stemmer};
use tantivy::tokenizer::{AsciiFoldingFilter, LowerCaser, TextAnalyzer, Token, TokenStream, Tokenizer};

/// Longer words are noise (encoded data) and only fill the dictionary.
const MAX_WORD_BYTES: usize = 100;
/// Characters an identifier may hold besides letters and digits.
const INNER: &str = "_-.:/#+@$\\";
/// Those that may begin or end one.
const EDGES: &str = "_#+$";

/// English words too common to search for; kept in the index for phrases.
const STOP_WORDS: &[&str] = &[
    "a", "about", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do",
    "does", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "no",
    "not", "of", "on", "or", "s", "should", "so", "such", "t", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would",
    "you", "your",
];

/// A word of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    /// Byte span in the text.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Lower case, ASCII where possible.
    pub(super) folded: String,
    pub(super) stem: String,
}

/// Words of a text, in order.
pub(super) fn words(text: &str) -> Vec<Word> {
    let stemmer = Stemmer::new(Algorithm::English);
    let mut analyzer = TextAnalyzer::builder(Splitter).filter(LowerCaser).filter(AsciiFoldingFilter).build();
    let mut stream = analyzer.token_stream(text);
    let mut words = Vec::with_capacity(text.len() / 6);
    while let Some(token) = stream.next() {
        if token.text.len() <= MAX_WORD_BYTES {
            let stem = stemmer.stem(&token.text).to_string();
            words.push(Word { start: token.offset_from, end: token.offset_to, folded: token.text.clone(), stem });
        }
    }
    words
}

/// Identifiers of a text in lower case: runs like `foo_bar`, `1.2.3`, `c++` or `src/main.rs`, and
/// the parts of a path that are such runs themselves. Words merely joined by hyphens or slashes are
/// none: ranking those first lowers nDCG@10 on Cranfield by 0.01.
pub(super) fn identifiers(text: &str) -> Vec<String> {
    let is_inner = |c: char| c.is_alphanumeric() || INNER.contains(c);
    let is_edge = |c: char| c.is_alphanumeric() || EDGES.contains(c);
    let is_identifier = |run: &&str| {
        let mixed = run.contains(|c: char| !c.is_alphanumeric());
        let joined = run.chars().all(|c| c.is_alphabetic() || c == '-' || c == '/');
        mixed && !joined && run.contains(char::is_alphanumeric) && run.len() <= MAX_WORD_BYTES
    };
    let mut found = Vec::new();
    for run in text.split(|c: char| !is_inner(c)) {
        let run = run.trim_matches(|c: char| !is_edge(c));
        found.extend(Some(run).filter(is_identifier).map(str::to_lowercase));
        if run.contains(['/', ':', '@', '\\']) {
            let parts = run.split(['/', ':', '@', '\\']).map(|part| part.trim_matches(|c: char| !is_edge(c)));
            found.extend(parts.filter(is_identifier).map(str::to_lowercase));
        }
    }
    found
}

pub(super) fn is_stop_word(folded: &str) -> bool {
    STOP_WORDS.binary_search(&folded).is_ok()
}

/// Cuts a text into words without changing them.
#[derive(Clone)]
struct Splitter;

struct SplitStream<'a> {
    text: &'a str,
    at: usize,
    token: Token,
}

impl Tokenizer for Splitter {
    type TokenStream<'a> = SplitStream<'a>;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> SplitStream<'a> {
        SplitStream { text, at: 0, token: Token::default() }
    }
}

impl TokenStream for SplitStream<'_> {
    fn advance(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let Some(skipped) = rest.find(char::is_alphanumeric) else { return false };
        let rest = &rest[skipped..];
        let mut characters = rest.char_indices();
        let alone = characters.next().is_some_and(|(_, first)| is_word_alone(first));
        let continues = |c: char| !alone && c.is_alphanumeric() && !is_word_alone(c) || is_mark(c);
        let length = characters.find(|(_, c)| !continues(*c)).map_or(rest.len(), |(at, _)| at);
        self.token.offset_from = self.at + skipped;
        self.token.offset_to = self.token.offset_from + length;
        self.at = self.token.offset_to;
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        self.token.text.extend(rest[..length].chars().filter(|c| !is_mark(*c)));
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// Accents written as characters of their own.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Scripts written without spaces.
fn is_word_alone(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_stemmed_and_know_their_place() {
        let check = |text: &str, expect: &[(&str, &str)]| {
            let words = words(text);
            let got: Vec<_> = words.iter().map(|word| (word.folded.as_str(), word.stem.as_str())).collect();
            assert_eq!(got, expect, "{text}");
            words.iter().for_each(|word| assert!(text.is_char_boundary(word.start) && text.is_char_boundary(word.end)));
        };
        check("Running, Café-Häuser!", &[("running", "run"), ("cafe", "cafe"), ("hauser", "hauser")]);
        check("cafe\u{301} 中文 x", &[("cafe", "cafe"), ("中", "中"), ("文", "文"), ("x", "x")]);
        check("foo_bar v1.2", &[("foo", "foo"), ("bar", "bar"), ("v1", "v1"), ("2", "2")]);
        check(" \u{301} ", &[]);
    }

    #[test]
    fn identifiers_are_runs_with_more_than_letters_and_digits() {
        let check = |text: &str, expect: &[&str]| assert_eq!(identifiers(text), expect, "{text}");
        check("call `Foo_bar(x)`, then plain words.", &["foo_bar"]);
        check("version 1.2.3. C++ and c# -", &["1.2.3", "c++", "c#"]);
        check("a high-speed and/or low flow", &[]);
        check("std::fs::read_dir", &["std::fs::read_dir", "read_dir"]);
        check("see src/main.rs:12", &["src/main.rs:12", "main.rs"]);
    }

    #[test]
    fn the_stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }
}
