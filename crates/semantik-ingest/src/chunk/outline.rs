//! What stands above a place in a text: its page and the path of its headings.

use semantik_core::document::{Heading, Page};

/// Longest context, in characters.
const LONGEST: usize = 200;

/// Walks headings along with the pieces, which come in order.
pub(super) struct Outline<'a> {
    headings: std::iter::Peekable<std::slice::Iter<'a, Heading>>,
    path: Vec<&'a Heading>,
}

impl<'a> Outline<'a> {
    pub(super) fn new(headings: &'a [Heading]) -> Self {
        Self { headings: headings.iter().peekable(), path: Vec::new() }
    }

    /// The headings above `at`, which never goes back between calls.
    pub(super) fn context(&mut self, at: usize) -> Option<String> {
        while let Some(heading) = self.headings.next_if(|heading| heading.start <= at) {
            self.path.retain(|above| above.level < heading.level);
            self.path.push(heading);
        }
        let texts: Vec<&str> = self.path.iter().map(|heading| heading.text.as_str()).collect();
        let joined = texts.join(" > ");
        (!joined.is_empty()).then(|| joined.chars().take(LONGEST).collect())
    }
}

/// The first page that `start..` touches.
pub(super) fn page(pages: &[Page], start: usize) -> Option<u32> {
    let at = pages.partition_point(|page| page.end <= start);
    pages.get(at).or(pages.last()).map(|page| page.number)
}
