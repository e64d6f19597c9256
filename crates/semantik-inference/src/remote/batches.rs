//! Texts cut into requests by count and by size.

use std::ops::Range;

use crate::remote::options::Limits;
use crate::remote::tokens;

/// Ranges of `texts`, in order, none empty, each within the limits (a longer text is alone).
pub(crate) fn split(texts: &[&str], limits: Limits) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut held) = (0, 0);
    for (place, text) in texts.iter().enumerate() {
        let size = tokens::count(text, limits.tokens.saturating_add(1));
        if place > start && (place - start >= limits.texts || held + size > limits.tokens) {
            batches.push(start..place);
            (start, held) = (place, 0);
        }
        held += size;
    }
    if start < texts.len() {
        batches.push(start..texts.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::{Limits, split};

    #[test]
    fn batches_keep_to_both_limits_and_lose_nothing() {
        let limits = Limits { texts: 3, tokens: 5, text_tokens: 8 };
        let texts = ["a b", "a b", "a", "a", "a b c d e f g", "", "a"];
        assert_eq!(split(&texts, limits), [0..3, 3..4, 4..5, 5..7]);
        assert!(split(&[], limits).is_empty());
    }
}
