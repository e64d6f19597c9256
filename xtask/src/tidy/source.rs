//! Just enough reading of Rust for line rules: code without comments and literals, functions by
//! their braces, and which lines are test code. Not a parser: macros are read as plain tokens.

use std::ops::Range;

use super::tree::File;

/// A Rust file, blanked: comments and the content of literals are spaces, line breaks stay.
pub struct Source {
    code: Vec<u8>,
    line_starts: Vec<usize>,
    tests: Vec<Range<usize>>,
    all_tests: bool,
}

/// A function with a body.
pub struct Function {
    pub name: String,
    /// 1-based lines, from `fn` to the closing brace.
    pub first: usize,
    pub last: usize,
}

impl Source {
    pub fn read(file: &File) -> Self {
        let code = blank(file.text.as_bytes());
        let breaks = code.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        let mut source = Self { code, line_starts, tests: Vec::new(), all_tests: is_test_file(&file.path) };
        source.tests = source.test_regions();
        source
    }

    /// Lines of code, 1-based.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        // Blanking keeps every byte that is not ASCII out, so this is UTF-8.
        std::str::from_utf8(&self.code).unwrap_or_default().split('\n').enumerate().map(|(at, line)| (at + 1, line))
    }

    pub fn is_test(&self, line: usize) -> bool {
        let at = self.line_starts[line - 1];
        self.all_tests || self.tests.iter().any(|region| region.contains(&at))
    }

    pub fn functions(&self) -> Vec<Function> {
        words(&self.code, b"fn").filter_map(|at| self.function(at)).collect()
    }

    fn function(&self, at: usize) -> Option<Function> {
        let name: Vec<u8> = self.code[at + 2..]
            .iter()
            .copied()
            .skip_while(u8::is_ascii_whitespace)
            .take_while(|byte| is_word(*byte))
            .collect();
        // A type `fn(…)` has no name, a declaration no body.
        let body = if name.is_empty() { None } else { body(&self.code, at) }?;
        let name = String::from_utf8(name).ok()?;
        Some(Function { name, first: self.line_of(at), last: self.line_of(body.end) })
    }

    fn line_of(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    /// What `#[cfg(test)]` and `#[test]`-like attributes stand before.
    fn test_regions(&self) -> Vec<Range<usize>> {
        let markers: [&[u8]; 4] = [b"#[cfg(test)]", b"#[test]", b"#[tokio::test", b"#[cfg(all(test"];
        markers
            .iter()
            .flat_map(|marker| positions(&self.code, marker))
            .filter_map(|at| body(&self.code, at + 2).map(|body| at..body.end + 1))
            .collect()
    }
}

/// Whether a whole file is test code.
fn is_test_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["/tests/", "/conformance/", "/benches/"].iter().any(|folder| path.contains(folder))
        || name == "tests.rs"
        || name.ends_with("_tests.rs")
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn positions<'a>(text: &'a [u8], what: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    (0..text.len().saturating_sub(what.len() - 1)).filter(move |at| text[*at..].starts_with(what))
}

/// Where `word` stands as a word of its own.
fn words<'a>(text: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    positions(text, word).filter(move |at| {
        let before = at.checked_sub(1).map(|before| text[before]);
        let after = text.get(at + word.len());
        !before.is_some_and(is_word) && !after.copied().is_some_and(is_word)
    })
}

/// The braces of the item that begins at `at`; `None` when a `;` ends it first.
fn body(code: &[u8], at: usize) -> Option<Range<usize>> {
    let mut depth = 0i32;
    let mut start = None;
    for (offset, byte) in code[at..].iter().enumerate() {
        match (byte, start) {
            (b'(' | b'[', None) => depth += 1,
            (b')' | b']', None) => depth -= 1,
            (b';', None) if depth <= 0 => return None,
            (b'{', None) if depth <= 0 => {
                start = Some(at + offset);
                depth = 1;
            }
            (b'{', Some(_)) => depth += 1,
            (b'}', Some(start)) => {
                depth -= 1;
                if depth == 0 {
                    return Some(start..at + offset);
                }
            }
            _ => {}
        }
    }
    None
}

/// Comments and the content of literals become spaces.
fn blank(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let length = literal_or_comment(text, at);
        if length == 0 {
            out.push(if text[at].is_ascii() { text[at] } else { b'_' });
            at += 1;
        } else {
            out.extend(text[at..at + length].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at += length;
        }
    }
    out
}

/// The length of the comment or literal that begins at `at`, or 0.
fn literal_or_comment(text: &[u8], at: usize) -> usize {
    let rest = &text[at..];
    let after_word = at > 0 && is_word(text[at - 1]);
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, 1),
        [b'r', b'"' | b'#', ..] if !after_word => raw_string(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !after_word => raw_string(rest, 2),
        [b'\'', b'\\', ..] => quoted_by(rest, 1, b'\''),
        [b'\'', ..] => character(rest),
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], open: usize) -> usize {
    quoted_by(rest, open, b'"')
}

fn quoted_by(rest: &[u8], open: usize, quote: u8) -> usize {
    let mut at = open;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `prefix` letters, hashes, a quote; 0 when it is a raw identifier.
fn raw_string(rest: &[u8], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let content = prefix + hashes + 1;
    positions(&rest[content..], &end).next().map_or(rest.len(), |found| content + found + end.len())
}

/// A character literal, or 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    let text = &rest[1..rest.len().min(6)];
    let width = text.first().map_or(1, |byte| byte.leading_ones().max(1) as usize);
    if text.get(width) == Some(&b'\'') { width + 2 } else { 0 }
}
