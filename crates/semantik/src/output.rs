//! Where words go: results to stdout, progress and errors to stderr. A reader that went away
//! (`| head`) is not an error.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::error::CliError;

/// How to talk to the person or script at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub json: bool,
    pub quiet: bool,
    /// Colours on stdout.
    pub style: Style,
}

impl Output {
    /// Colours only where they are seen.
    pub fn new(json: bool, quiet: bool, no_color: bool) -> Self {
        Self { json, quiet, style: Style { on: !json && !no_color && std::io::stdout().is_terminal() } }
    }

    /// One line of a result.
    pub fn line(&self, text: impl std::fmt::Display) {
        // Nobody reads any more: nothing to report, and nobody to report it to.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// The one JSON document of a command.
    pub fn document<T: Serialize>(&self, value: &T) {
        if let Ok(text) = serde_json::to_string_pretty(value) {
            self.line(text);
        }
    }

    /// News that are not the result: stderr, not with `--quiet`.
    pub fn note(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// A warning, even with `--quiet`.
    pub fn warn(&self, text: impl std::fmt::Display) {
        let _ = writeln!(std::io::stderr(), "warning: {text}");
    }

    /// An error, on stderr.
    pub fn error(&self, error: &CliError) {
        let mut stderr = std::io::stderr();
        if self.json {
            let _ = writeln!(stderr, "{}", error.to_json());
            return;
        }
        let style = Style { on: self.style.on && stderr.is_terminal() };
        let _ = writeln!(stderr, "{} {}", style.red("error:"), error.message);
        if let Some(hint) = &error.hint {
            let _ = writeln!(stderr, "{} {hint}", style.dim("hint:"));
        }
    }

    /// Columns of the terminal; 100 where there is none.
    pub fn width(&self) -> usize {
        terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0)).clamp(40, 120)
    }

    /// Rows in aligned columns; the first row is the head.
    pub fn table(&self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for (number, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
                .collect();
            let line = cells.join("  ");
            let line = line.trim_end();
            if number == 0 { self.line(self.style.dim(line)) } else { self.line(line) }
        }
    }
}

/// ANSI styles, or nothing.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub on: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }
    pub fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }
    /// A word that was searched for.
    pub fn mark(self, text: &str) -> String {
        self.paint("1;33", text)
    }
}

/// Text from a document, safe for a terminal: control characters become spaces.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes for people.
pub fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// Seconds for people: `8.4 s`, `3 min 12 s`.
pub fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    if whole < 3600 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} h {} min", whole / 3600, whole % 3600 / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(1000), "1,000");
        assert_eq!(thousands(1234567), "1,234,567");
        assert_eq!(duration(8.44), "8.4 s");
        assert_eq!(duration(192.0), "3 min 12 s");
        assert_eq!(duration(7260.0), "2 h 1 min");
    }

    #[test]
    fn styles_that_are_off_leave_text_alone() {
        assert_eq!(Style { on: false }.mark("word"), "word");
        assert!(Style { on: true }.mark("word").contains("\u{1b}["));
    }

    #[test]
    fn a_document_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a [2Jb");
    }
}
