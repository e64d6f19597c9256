//! Cuts all code of one language below a folder, by its syntax and by its lines alone, and reports
//! the speed and where the chunks begin:
//! `cargo run --release -p semantik-ingest --example cut-code -- FOLDER rs text/x-rust`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use semantik_core::chunk::ChunkSettings;
use semantik_core::document::{ExtractedText, TextKind};
use semantik_ingest::chunk::chunk;
use semantik_ingest::extract::read_syntax;

#[derive(Default)]
struct Tally {
    pieces: usize,
    tokens: u64,
    at_item: usize,
    small_items: usize,
    whole: usize,
    with_context: usize,
    stored: usize,
    took: Duration,
    slowest: Duration,
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(ending), Some(mime)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err(std::io::Error::other("name a folder, an ending and a type"));
    };
    let mut texts = Vec::new();
    collect(&PathBuf::from(folder), &ending, &mut texts)?;
    let bytes: usize = texts.iter().map(String::len).sum();
    println!("{} files, {:.1} MB", texts.len(), bytes as f64 / 1e6);
    for (name, mime) in [("lines", "text/plain"), ("syntax", mime.as_str())] {
        let tally = measure(&texts, mime);
        println!(
            "{name}: {} pieces of {:.0} tokens, {:.1} % begin at an item, {:.1} % of the items \
             that fit are whole, {:.1} % have a context, {:.2} bytes of \
             syntax a byte, {:.1} MB/s, slowest {:?}",
            tally.pieces,
            tally.tokens as f64 / tally.pieces as f64,
            tally.at_item as f64 * 100.0 / tally.pieces as f64,
            tally.whole as f64 * 100.0 / tally.small_items.max(1) as f64,
            tally.with_context as f64 * 100.0 / tally.pieces as f64,
            tally.stored as f64 / bytes as f64,
            bytes as f64 / 1e6 / tally.took.as_secs_f64(),
            tally.slowest,
        );
    }
    Ok(())
}

fn collect(folder: &Path, ending: &str, texts: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        if kind.is_dir() {
            collect(&path, ending, texts)?;
        } else if kind.is_file() && path.extension().is_some_and(|found| found == ending) {
            texts.extend(std::fs::read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
        }
    }
    Ok(())
}

fn measure(texts: &[String], mime: &str) -> Tally {
    let mut tally = Tally::default();
    for text in texts {
        let begun = Instant::now();
        let syntax = read_syntax(text, mime);
        let extracted = ExtractedText {
            mime: mime.to_owned(),
            kind: TextKind::Code,
            title: None,
            language: None,
            text: text.clone(),
            pages: Vec::new(),
            headings: Vec::new(),
            syntax,
        };
        if let Some(syntax) = &extracted.syntax {
            tally.stored += serde_json::to_vec(syntax).map_or(0, |json| json.len());
        }
        let pieces = chunk(&extracted, &ChunkSettings::default(), 512, &tokens);
        let took = begun.elapsed();
        tally.took += took;
        tally.slowest = tally.slowest.max(took);
        for (start, end) in items(text).into_iter().filter(|item| tokens(&text[item.0..item.1]).len() <= 200) {
            tally.small_items += 1;
            tally.whole += usize::from(pieces.iter().any(|piece| piece.start <= start && end <= piece.end));
        }
        // The first piece of a file begins where the file does, however it is cut.
        for piece in pieces.iter().skip(1) {
            tally.pieces += 1;
            tally.tokens += u64::from(piece.token_count);
            tally.at_item += usize::from(at_item(text, piece.start + piece.overlap));
            tally.with_context += usize::from(piece.context.is_some());
        }
    }
    tally
}

/// Lines that belong to the item below them.
const ABOVE: [&str; 5] = ["//", "/*", "*", "#", "@"];

/// Whether an item begins here, and not its comments a line before.
fn at_item(text: &str, at: usize) -> bool {
    let line_above = text[..at].trim_end_matches([' ', '\t']).strip_suffix('\n').and_then(|text| text.lines().last());
    let parted = line_above.is_some_and(|line| ABOVE.iter().any(|mark| line.trim().starts_with(mark)));
    !parted && begins_item(&text[at..])
}

/// Whether a function, a class or the like stands here, under its comments and attributes.
fn begins_item(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).skip_while(|line| ABOVE.iter().any(|mark| line.starts_with(mark)));
    let Some(line) = lines.next() else { return false };
    let modifiers = ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe", "default", "extern", "\"C\""];
    let mut words = line.split_whitespace().skip_while(|word| modifiers.contains(word));
    let items = ["fn", "struct", "enum", "union", "impl", "trait", "mod", "macro_rules!", "def", "class", "type"];
    words.next().is_some_and(|word| items.contains(&word) || word.starts_with("impl<"))
}

/// Functions, classes and the like by their indentation, without what is above them.
fn items(text: &str) -> Vec<(usize, usize)> {
    let base = text.as_ptr() as usize;
    let lines: Vec<(usize, &str)> = text.lines().map(|line| (line.as_ptr() as usize - base, line)).collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let end_of = |first: usize| {
        let (start, line) = lines[first];
        let rest = lines[first + 1..].iter().take_while(|(_, other)| {
            let closes = other.trim_start().starts_with(['}', ')', ']']);
            other.is_empty() || indent(other) > indent(line) || (closes && indent(other) == indent(line))
        });
        let last = rest.filter(|(_, other)| !other.trim().is_empty()).last();
        last.map_or(start + line.len(), |(at, other)| at + other.len())
    };
    let begins = |line: &str| !ABOVE.iter().any(|mark| line.trim().starts_with(mark)) && begins_item(line);
    let starts = (0..lines.len()).filter(|at| begins(lines[*at].1));
    starts.map(|at| (lines[at].0 + indent(lines[at].1), end_of(at))).collect()
}

/// Words and signs as tokens.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut inside = false;
    for (at, character) in text.char_indices() {
        let end = at + character.len_utf8();
        let word = character.is_alphanumeric();
        match spans.last_mut() {
            Some(last) if word && inside && last.1 - last.0 < 6 => last.1 = end,
            _ if !character.is_whitespace() => spans.push((at, end)),
            _ => {}
        }
        inside = word;
    }
    spans
}
