//! Where a text may be cut inside a window: the best place for each strategy. One pass over the
//! window, whatever is in it.

use semantik_core::syntax::{Cut, Place};

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

/// What the text shows, above it what would part an item from its comment, then a block's head from
/// its body, and above that what parts items: the syntax is stronger than the lines.
const GLUED: usize = LEVELS;
const HEAD: usize = GLUED + 1;
const ITEMS: usize = HEAD + 1;
const SLOTS: usize = ITEMS + Place::RANKS as usize;

/// Where the end of a chunk is sought.
pub(super) struct Window<'a> {
    pub text: &'a str,
    pub from: usize,
    /// Where the end may be if it keeps the next item whole.
    pub little: usize,
    /// From where on any end is welcome.
    pub enough: usize,
    pub to: usize,
    pub style: Style,
    pub syntax: &'a [Cut],
}

/// The best end of a chunk in the window: the last place of the strongest level beyond `enough`;
/// else the last place of any level, else `to`. Between items, `little` is enough where one begins
/// that fits into the next chunk, which ends at `room(place)` at the latest, and where nothing but a
/// cut inside an item is left.
pub(super) fn best(window: &Window<'_>, room: &dyn Fn(usize) -> usize) -> usize {
    let &Window { text, from, enough, to, style, .. } = window;
    let first = window.syntax.partition_point(|cut| cut.at <= from);
    let (cuts, after) = window.syntax[first..].split_at(window.syntax[first..].partition_point(|cut| cut.at <= to));
    let mut last = [None; SLOTS];
    let known = |at| cuts.binary_search_by_key(&at, |cut| cut.at).is_ok();
    visit(text, from, to, style, &mut |at, level| {
        if !known(at) {
            last[level as usize] = Some(at);
        }
    });
    for cut in cuts {
        last[slot(cut.place)] = Some(cut.at);
    }
    let beyond = last.map(|place| place.filter(|at| *at >= enough));
    let strongest = |places: [Option<usize>; SLOTS]| places.into_iter().rev().flatten().next();
    let order = |places: [Option<usize>; SLOTS]| match style {
        Style::Sentence => {
            places[Level::Sentence as usize].max(places[Level::Paragraph as usize]).or(strongest(places))
        }
        Style::Tokens => places[Level::Word as usize].filter(|_| false),
        Style::Prose | Style::Code | Style::Table => strongest(places),
    };
    let fits = |at: usize, slot: usize| at >= window.little && end_of_item(after, slot, text.len()) <= room(at);
    let keeps = |slot: usize| last[slot].filter(|at| *at >= enough || fits(*at, slot));
    let short = |slot: usize| last[slot].filter(|at| *at >= window.little);
    let items = || (ITEMS..SLOTS).rev();
    items().find_map(keeps).or_else(|| items().find_map(short)).or(order(beyond)).or(order(last)).unwrap_or(to)
}

fn slot(place: Place) -> usize {
    match place {
        Place::Between(rank) => ITEMS + usize::from(rank.min(Place::RANKS - 1)),
        Place::Head => HEAD,
        Place::Glued => GLUED,
    }
}

/// Where the item ends that begins at the last place of a slot: where the next one as strong begins.
fn end_of_item(after: &[Cut], start: usize, length: usize) -> usize {
    // A blank line before it makes a place stronger, but not the end of anything larger.
    let depth = |slot: usize| slot.checked_sub(ITEMS).map(|rank| rank / 2);
    let next = after.iter().find(|cut| depth(slot(cut.place)) >= depth(start));
    next.map_or(length, |cut| cut.at)
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
