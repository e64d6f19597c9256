//! Where a text may be cut inside a window: the best place for each strategy. One pass over the
//! window, whatever is in it.

/// How a window is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Prose,
    Code,
    Table,
    Sentence,
    Tokens,
}

/// Places to cut, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Word,
    Sentence,
    Line,
    /// In code: a line that begins at the margin.
    Margin,
    Paragraph,
    /// In code: a line at the margin after a blank line.
    Item,
}
const LEVELS: usize = 6;

/// The best end of a chunk in `from..to`: the last place of the strongest level beyond `enough`,
/// else the last place of any level, else `to`.
pub(super) fn best(text: &str, from: usize, enough: usize, to: usize, style: Style) -> usize {
    let mut beyond = [None; LEVELS];
    let mut any = [None; LEVELS];
    visit(text, from, to, style, &mut |at, level| {
        let slot = level as usize;
        any[slot] = Some(at);
        if at >= enough {
            beyond[slot] = Some(at);
        }
    });
    let strongest = |places: [Option<usize>; LEVELS]| places.into_iter().rev().flatten().next();
    let order = |places: [Option<usize>; LEVELS]| match style {
        Style::Sentence => {
            places[Level::Sentence as usize].max(places[Level::Paragraph as usize]).or(strongest(places))
        }
        Style::Tokens => places[Level::Word as usize].filter(|_| false),
        Style::Prose | Style::Code | Style::Table => strongest(places),
    };
    order(beyond).or(order(any)).unwrap_or(to)
}

/// Calls `found` for each place to cut in `from..=to`; places are starts of what comes after.
fn visit(text: &str, from: usize, to: usize, style: Style, found: &mut dyn FnMut(usize, Level)) {
    if style == Style::Tokens {
        return;
    }
    let prose = matches!(style, Style::Prose | Style::Sentence);
    let mut newlines = 0;
    let mut sentence = Ending::None;
    let mut space = false;
    for (offset, character) in text[from..].char_indices() {
        let at = from + offset;
        if at > to {
            return;
        }
        if at > from {
            if newlines > 0 && character != '\n' && (style == Style::Code || !character.is_whitespace()) {
                let margin =
                    style == Style::Code && !character.is_whitespace() && !matches!(character, '}' | ')' | ']');
                found(at, line_level(newlines, margin));
                newlines = 0;
            } else if !character.is_whitespace() {
                match (prose, sentence, space) {
                    (true, Ending::Wide, _) | (true, Ending::Narrow, true) if !is_closer(character) => {
                        found(at, Level::Sentence)
                    }
                    (_, _, true) => found(at, Level::Word),
                    _ => {}
                }
            }
        }
        match character {
            '\n' => newlines += 1,
            _ if character.is_whitespace() => {}
            _ => {
                newlines = 0;
                sentence = ending(character, sentence);
            }
        }
        space = character.is_whitespace();
    }
    if to == text.len() {
        found(to, Level::Item);
    }
}

fn line_level(newlines: u32, margin: bool) -> Level {
    match (newlines > 1, margin) {
        (true, true) => Level::Item,
        (true, false) => Level::Paragraph,
        (false, true) => Level::Margin,
        (false, false) => Level::Line,
    }
}

/// Whether a sentence may have ended, and whether it needs a space after it to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    None,
    Narrow,
    Wide,
}

fn ending(character: char, before: Ending) -> Ending {
    match character {
        '.' | '!' | '?' | '…' | '؟' | '۔' | '।' => Ending::Narrow,
        '。' | '！' | '？' | '｡' => Ending::Wide,
        _ if is_closer(character) => before,
        _ => Ending::None,
    }
}

fn is_closer(character: char) -> bool {
    matches!(character, '"' | '\'' | ')' | ']' | '}' | '”' | '’' | '»' | '」' | '』' | '）')
}
