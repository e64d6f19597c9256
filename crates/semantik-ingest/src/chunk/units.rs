//! The tokens of a text as counting units: in order, on character boundaries, without gaps that
//! hold text and without giants, so that any span of the text has a token count by binary search.

/// Longest stretch, in bytes, that counts as one token. Tokenizers may call a line of a million
/// letters one unknown word; a chunk must not be that long.
const LONGEST: usize = 48;

/// Counting units of a text.
pub(super) struct Units {
    spans: Vec<(usize, usize)>,
    length: usize,
}

impl Units {
    pub(super) fn new(text: &str, tokens: &[(usize, usize)]) -> Self {
        let mut units = Self { spans: Vec::with_capacity(tokens.len()), length: text.len() };
        let mut covered = 0;
        for &(start, end) in tokens {
            let start = floor(text, start.min(text.len()));
            let end = ceil(text, end.min(text.len()));
            if start > covered {
                units.fill(text, covered, start);
            }
            if end <= covered && units.spans.last().is_none_or(|last| last.0 < start) {
                continue;
            }
            let start = start.max(units.spans.last().map_or(0, |last| last.0));
            units.push(text, start, end.max(covered).max(start));
            covered = covered.max(end);
        }
        units.fill(text, covered, text.len());
        units
    }

    /// What the tokenizer left out counts as well where it is not white space.
    fn fill(&mut self, text: &str, start: usize, end: usize) {
        let gap = &text[start..end];
        let trimmed = gap.trim_start();
        let from = end - trimmed.len();
        let to = from + trimmed.trim_end().len();
        self.push(text, from, to);
    }

    fn push(&mut self, text: &str, mut start: usize, end: usize) {
        while end > start {
            let cut = if end - start > LONGEST { floor(text, start + LONGEST) } else { end };
            self.spans.push((start, cut));
            start = cut;
        }
    }

    /// The first unit that ends after `at`.
    pub(super) fn first_at(&self, at: usize) -> usize {
        self.spans.partition_point(|span| span.1 <= at)
    }

    /// How many units `start..end` touches.
    pub(super) fn count(&self, start: usize, end: usize) -> usize {
        self.spans.partition_point(|span| span.0 < end).saturating_sub(self.first_at(start))
    }

    /// Where a span that begins at `start` must end at the latest to have at most `most` units.
    pub(super) fn limit(&self, start: usize, most: usize) -> usize {
        self.spans.get(self.first_at(start) + most).map_or(self.length, |span| span.0)
    }

    /// Where `most` units before `end` begin.
    pub(super) fn back(&self, end: usize, most: usize) -> usize {
        let after = self.spans.partition_point(|span| span.0 < end);
        self.spans.get(after.saturating_sub(most)).map_or(end, |span| span.0.min(end))
    }
}

/// The nearest character boundary at or before `at`.
pub(super) fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The nearest character boundary at or after `at`.
pub(super) fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}
