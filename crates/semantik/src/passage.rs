//! A passage on a terminal: white space folded, words wrapped, matches marked, the part that
//! matters shown.

use crate::output::{Style, printable};

/// A word and the stretches of it that are marked.
struct Word {
    pieces: Vec<(String, bool)>,
    width: usize,
    marked: bool,
}

/// `text` as at most `most` lines of `width` columns. `spans` are byte spans to mark.
pub fn lines(text: &str, spans: &[(usize, usize)], width: usize, most: usize, style: Style) -> Vec<String> {
    let rows = wrap(words(text, spans), width);
    let first_match = rows.iter().position(|row| row.iter().any(|word| word.marked)).unwrap_or(0);
    // One line of lead-in before the first match.
    let from = if rows.len() <= most { 0 } else { first_match.saturating_sub(1).min(rows.len() - most) };
    let to = rows.len().min(from.saturating_add(most));
    let mut shown: Vec<String> = rows[from..to].iter().map(|row| paint(row, style)).collect();
    if from > 0
        && let Some(first) = shown.first_mut()
    {
        first.insert_str(0, "… ");
    }
    if to < rows.len()
        && let Some(last) = shown.last_mut()
    {
        last.push_str(" …");
    }
    shown
}

fn words(text: &str, spans: &[(usize, usize)]) -> Vec<Word> {
    let is_marked = |at: usize| spans.iter().any(|(start, end)| (*start..*end).contains(&at));
    let mut words = Vec::new();
    let mut current: Option<Word> = None;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() || c.is_control() {
            words.extend(current.take());
            continue;
        }
        let marked = is_marked(at);
        let word = current.get_or_insert_with(|| Word { pieces: Vec::new(), width: 0, marked: false });
        word.width += 1;
        word.marked |= marked;
        match word.pieces.last_mut() {
            Some((piece, same)) if *same == marked => piece.push(c),
            _ => word.pieces.push((c.to_string(), marked)),
        }
    }
    words.extend(current);
    words
}

fn wrap(words: Vec<Word>, width: usize) -> Vec<Vec<Word>> {
    let width = width.saturating_sub(4).max(20);
    let mut rows: Vec<Vec<Word>> = Vec::new();
    let mut used = 0;
    for word in words {
        let needed = word.width + 1;
        match rows.last_mut() {
            Some(row) if used + needed <= width => {
                used += needed;
                row.push(word);
            }
            _ => {
                used = word.width;
                rows.push(vec![word]);
            }
        }
    }
    rows
}

fn paint(row: &[Word], style: Style) -> String {
    let word = |word: &Word| -> String {
        word.pieces
            .iter()
            .map(|(piece, marked)| if *marked { style.mark(&printable(piece)) } else { printable(piece) })
            .collect()
    };
    row.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { on: false };

    #[test]
    fn white_space_is_folded_and_lines_are_bounded() {
        let text = "one  two\n\nthree ".repeat(40);
        let shown = lines(&text, &[], 60, usize::MAX, PLAIN);
        assert!(shown.iter().all(|line| line.chars().count() <= 60), "{shown:?}");
        assert!(shown[0].starts_with("one two three one"));
    }

    #[test]
    fn the_lines_shown_are_those_with_the_match() {
        let text = format!("{}needle{}", "hay ".repeat(200), " hay".repeat(200));
        let at = text.find("needle").expect("it is there");
        let shown = lines(&text, &[(at, at + 6)], 60, 3, PLAIN);
        assert_eq!(shown.len(), 3);
        assert!(shown.iter().any(|line| line.contains("needle")), "{shown:?}");
        assert!(shown[0].starts_with('…') && shown[2].ends_with('…'), "{shown:?}");
    }

    #[test]
    fn marks_may_begin_inside_a_word() {
        let shown = lines("Fußball spielen", &[(5, 9)], 60, 3, Style { on: true });
        assert_eq!(shown, ["Fußb\u{1b}[1;33mall\u{1b}[0m spielen"]);
    }

    #[test]
    fn an_empty_passage_has_no_lines() {
        assert!(lines("", &[], 60, 3, PLAIN).is_empty());
    }
}
