//! What stands above a place in a text: its page and the path of its headings, or of
//! the items of code around it.

use semantik_core::document::{Heading, Page};
use semantik_core::syntax::Item;

/// Longest context, in characters.
const LONGEST: usize = 200;

/// A heading or a named item of code.
struct Entry<'a> {
    level: u8,
    text: &'a str,
    start: usize,
    /// Headings only end where the next one begins.
    end: usize,
}

/// Walks headings and items along with the pieces, which come in order.
pub(super) struct Outline<'a> {
    entries: std::iter::Peekable<std::vec::IntoIter<Entry<'a>>>,
    path: Vec<Entry<'a>>,
}

impl<'a> Outline<'a> {
    /// Both in order; a text has one or the other.
    pub(super) fn new(headings: &'a [Heading], items: &'a [Item]) -> Self {
        let headings = headings.iter().map(|heading| Entry {
            level: heading.level,
            text: &heading.text,
            start: heading.start,
            end: usize::MAX,
        });
        let items =
            items.iter().map(|item| Entry { level: item.level, text: &item.name, start: item.start, end: item.end });
        let entries: Vec<Entry<'a>> = headings.chain(items).collect();
        Self { entries: entries.into_iter().peekable(), path: Vec::new() }
    }

    /// What stands above `at..end`, which never goes back between calls. An item that begins at `at`
    /// and ends before `end` is one of several in the piece and stands above none of them.
    pub(super) fn context(&mut self, at: usize, end: usize) -> Option<String> {
        while let Some(entry) = self.entries.next_if(|entry| entry.start <= at) {
            self.path.retain(|above| above.level < entry.level && above.end > entry.start);
            self.path.push(entry);
        }
        self.path.retain(|entry| entry.end > at);
        let around = self.path.iter().filter(|entry| entry.start < at || entry.end >= end);
        let texts: Vec<&str> = around.map(|entry| entry.text).collect();
        let joined = texts.join(" > ");
        (!joined.is_empty()).then(|| joined.chars().take(LONGEST).collect())
    }
}

/// The first page that `start..` touches.
pub(super) fn page(pages: &[Page], start: usize) -> Option<u32> {
    let at = pages.partition_point(|page| page.end <= start);
    pages.get(at).or(pages.last()).map(|page| page.number)
}
