//! What kind of text a text is.

use semantik_core::document::TextKind;

use super::sniff::EML;

/// Ending, MIME type and kind of text that only the name can tell.
const NAMED: &[(&str, &str, TextKind)] = &[
    ("md", "text/markdown", TextKind::Markdown),
    ("markdown", "text/markdown", TextKind::Markdown),
    ("mdx", "text/markdown", TextKind::Markdown),
    ("csv", "text/csv", TextKind::Table),
    ("tsv", "text/tab-separated-values", TextKind::Table),
    ("tab", "text/tab-separated-values", TextKind::Table),
    ("rs", "text/x-rust", TextKind::Code),
    ("py", "text/x-python", TextKind::Code),
    ("pyi", "text/x-python", TextKind::Code),
    ("js", "text/javascript", TextKind::Code),
    ("mjs", "text/javascript", TextKind::Code),
    ("cjs", "text/javascript", TextKind::Code),
    ("jsx", "text/javascript", TextKind::Code),
    ("ts", "text/x-typescript", TextKind::Code),
    ("tsx", "text/x-typescript", TextKind::Code),
    ("go", "text/x-go", TextKind::Code),
    ("java", "text/x-java", TextKind::Code),
    ("kt", "text/x-kotlin", TextKind::Code),
    ("scala", "text/x-scala", TextKind::Code),
    ("c", "text/x-c", TextKind::Code),
    ("h", "text/x-c", TextKind::Code),
    ("cc", "text/x-c++", TextKind::Code),
    ("cpp", "text/x-c++", TextKind::Code),
    ("cxx", "text/x-c++", TextKind::Code),
    ("hpp", "text/x-c++", TextKind::Code),
    ("hh", "text/x-c++", TextKind::Code),
    ("cs", "text/x-csharp", TextKind::Code),
    ("rb", "text/x-ruby", TextKind::Code),
    ("php", "text/x-php", TextKind::Code),
    ("pl", "text/x-perl", TextKind::Code),
    ("pm", "text/x-perl", TextKind::Code),
    ("sh", "text/x-shellscript", TextKind::Code),
    ("bash", "text/x-shellscript", TextKind::Code),
    ("zsh", "text/x-shellscript", TextKind::Code),
    ("ps1", "text/x-powershell", TextKind::Code),
    ("lua", "text/x-lua", TextKind::Code),
    ("swift", "text/x-swift", TextKind::Code),
    ("m", "text/x-objective-c", TextKind::Code),
    ("hs", "text/x-haskell", TextKind::Code),
    ("ml", "text/x-ocaml", TextKind::Code),
    ("ex", "text/x-elixir", TextKind::Code),
    ("erl", "text/x-erlang", TextKind::Code),
    ("clj", "text/x-clojure", TextKind::Code),
    ("el", "text/x-lisp", TextKind::Code),
    ("lisp", "text/x-lisp", TextKind::Code),
    ("r", "text/x-r", TextKind::Code),
    ("jl", "text/x-julia", TextKind::Code),
    ("sql", "text/x-sql", TextKind::Code),
    ("zig", "text/x-zig", TextKind::Code),
    ("dart", "text/x-dart", TextKind::Code),
    ("vue", "text/x-vue", TextKind::Code),
    ("svelte", "text/x-svelte", TextKind::Code),
    ("css", "text/css", TextKind::Code),
    ("scss", "text/x-scss", TextKind::Code),
    ("asm", "text/x-asm", TextKind::Code),
    ("s", "text/x-asm", TextKind::Code),
    ("proto", "text/x-protobuf", TextKind::Code),
    ("tf", "text/x-terraform", TextKind::Code),
    ("cmake", "text/x-cmake", TextKind::Code),
    ("toml", "application/toml", TextKind::Code),
    ("yaml", "application/yaml", TextKind::Code),
    ("yml", "application/yaml", TextKind::Code),
    ("rst", "text/x-rst", TextKind::Plain),
    ("tex", "text/x-tex", TextKind::Plain),
    ("srt", "application/x-subrip", TextKind::Plain),
];

/// The MIME type and the kind of a text, by content and then by name.
pub(super) fn classify(text: &str, name: &str) -> (&'static str, TextKind) {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let named = ending.as_deref().and_then(|ending| NAMED.iter().find(|one| one.0 == ending));
    if let Some((_, mime, TextKind::Code)) = named {
        return (mime, TextKind::Code);
    }
    let head = floor(text.trim_start(), 4096);
    if is_html(head) {
        return ("text/html", TextKind::Markdown);
    }
    if head.starts_with("<?xml") || (head.starts_with('<') && ending.as_deref() == Some("xml")) {
        return ("application/xml", TextKind::Plain);
    }
    if is_mail(text) {
        return (EML, TextKind::Plain);
    }
    if let Some(json) = json(text) {
        return (json, TextKind::Code);
    }
    if let Some((_, mime, kind)) = named {
        return (mime, *kind);
    }
    if text.starts_with("#!") {
        return ("text/x-shellscript", TextKind::Code);
    }
    match delimiter(text) {
        Some('\t') => ("text/tab-separated-values", TextKind::Table),
        Some(_) => ("text/csv", TextKind::Table),
        None => ("text/plain", TextKind::Plain),
    }
}

fn floor(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn is_html(head: &str) -> bool {
    let mut lower = head.to_ascii_lowercase();
    if lower.starts_with("<?xml") {
        return lower.contains("<html");
    }
    while let Some(rest) = lower.strip_prefix("<!--") {
        let Some(end) = rest.find("-->") else { return false };
        lower = rest[end + 3..].trim_start().to_owned();
    }
    ["<!doctype html", "<html", "<head>", "<head ", "<body>", "<body "].iter().any(|start| lower.starts_with(start))
}

/// Whether the text begins like an Internet message: header lines, some of which only mail has.
fn is_mail(text: &str) -> bool {
    let mut telling = 0;
    let mut headers = 0;
    for (index, line) in text.lines().take(200).enumerate() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) && headers > 0 || index == 0 && line.starts_with("From ") {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { return false };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return false;
        }
        headers += 1;
        let lower = name.to_ascii_lowercase();
        telling += match lower.as_str() {
            "from" | "subject" | "date" | "to" => 1,
            "received" | "message-id" | "mime-version" | "return-path" | "delivered-to" | "dkim-signature"
            | "content-type" => 2,
            _ => 0,
        };
    }
    headers >= 2 && telling >= 3
}

fn json(text: &str) -> Option<&'static str> {
    let trimmed = text.trim();
    if !trimmed.starts_with(['{', '[']) {
        return None;
    }
    let valid = |part: &str| serde_json::from_str::<serde::de::IgnoredAny>(part).is_ok();
    if valid(trimmed) {
        return Some("application/json");
    }
    let mut lines = trimmed.lines().filter(|line| !line.trim().is_empty());
    lines.all(|line| line.trim_start().starts_with('{') && valid(line)).then_some("application/x-ndjson")
}

/// What separates the columns, when every line has the same number of them.
fn delimiter(text: &str) -> Option<char> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(50).collect();
    let same = |delimiter: char, least: usize| {
        let count = |line: &&str| {
            let mut quoted = false;
            line.chars()
                .filter(|c| {
                    quoted ^= *c == '"';
                    *c == delimiter && !quoted
                })
                .count()
        };
        let first = lines.first().map_or(0, count);
        first >= least && lines.iter().all(|line| count(line) == first)
    };
    if lines.len() < 4 {
        return None;
    }
    [('\t', 1), (',', 2), (';', 2)]
        .into_iter()
        .find(|(delimiter, least)| same(*delimiter, *least))
        .map(|(delimiter, _)| delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_only_breaks_ties() {
        let check = |text: &str, name: &str, mime: &str| assert_eq!(classify(text, name).0, mime, "{name}");
        check("# Title\n\ntext", "a.md", "text/markdown");
        check("# Title\n\ntext", "a.txt", "text/plain");
        check("<!DOCTYPE html><p>x", "a.md", "text/html");
        check("<!-- note --><html><p>x", "a", "text/html");
        check("<?xml version='1.0'?><a/>", "a.txt", "application/xml");
        check("{\"a\": 1}", "a.dat", "application/json");
        check("{\"a\": 1}\n{\"a\": 2}\n", "a", "application/x-ndjson");
        check("a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "noname", "text/csv");
        check("From: a@b.c\nTo: d@e.f\nSubject: x\n\nhello", "a.txt", "message/rfc822");
        check("Note: this\nand that\n", "a.txt", "text/plain");
        check("fn main() {}", "a.rs", "text/x-rust");
    }
}
