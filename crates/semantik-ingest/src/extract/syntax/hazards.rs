//! Texts that a grammar must not see: its scanner keeps its state in a kilobyte, and ends the whole
//! process where it miscounts what fits.

/// Longest end word of a heredoc; the scanner of Ruby keeps its length in one byte.
const LONGEST_WORD: usize = 200;
/// Widest space; the scanner of Python overruns its state at about 510 levels of indentation, and
/// there are no more levels than columns.
const WIDEST_SPACE: usize = 300;
/// Columns of a tab, as that scanner counts.
const TAB: usize = 8;

pub(super) fn none(_: &str) -> bool {
    false
}

/// Whether a heredoc may have a very long end word. A long string after `<<` looks the same.
pub(super) fn long_heredoc_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let long = |(at, _): (usize, &str)| {
        let rest = bytes.get(at + 2..).unwrap_or_default();
        let rest = &rest[rest.iter().take_while(|byte| b"-~<".contains(byte)).count()..];
        let word = match rest {
            [quote @ (b'"' | b'\'' | b'`'), word @ ..] => {
                word.iter().take(LONGEST_WORD + 1).take_while(|byte| *byte != quote).count()
            }
            word => word
                .iter()
                .take(LONGEST_WORD + 1)
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii())
                .count(),
        };
        word > LONGEST_WORD
    };
    text.match_indices("<<").any(long)
}

/// Whether a line may be indented very far. Lines that continue another count as one with it.
pub(super) fn deep_indentation(text: &str) -> bool {
    let mut width = 0;
    let mut continued = false;
    text.chars().any(|character| {
        width = match character {
            '\t' => width + TAB,
            '\n' if !continued => 0,
            '\\' => width + 1,
            _ if character.is_whitespace() => width + 1,
            _ => 0,
        };
        continued = character == '\\';
        width > WIDEST_SPACE
    })
}
