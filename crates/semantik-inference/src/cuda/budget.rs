//! How many tokens are computed together: fewer after memory was full, more again after a while.

/// Tokens of a unit where memory allows: enough that products keep a card busy.
const MOST_TOKENS: usize = 16_384;
/// Below this a unit is not made smaller; one text may be longer anyway.
const LEAST_TOKENS: usize = 256;
/// Units without trouble before a larger one is tried.
const PATIENCE: usize = 256;

/// The size of the next unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    tokens: usize,
    good: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { tokens: MOST_TOKENS, good: 0 }
    }
}

impl Budget {
    /// Tokens that the next unit may have.
    pub fn tokens(self) -> usize {
        self.tokens
    }

    /// Memory was full for a unit of `tokens`.
    pub fn shrink(&mut self, tokens: usize) {
        self.tokens = (tokens.min(self.tokens) / 2).max(LEAST_TOKENS);
        self.good = 0;
    }

    /// A unit went well.
    pub fn praise(&mut self) {
        self.good += 1;
        if self.good >= PATIENCE && self.tokens < MOST_TOKENS {
            *self = Self { tokens: (2 * self.tokens).min(MOST_TOKENS), good: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, LEAST_TOKENS, MOST_TOKENS, PATIENCE};

    #[test]
    fn a_budget_shrinks_at_once_and_grows_after_a_while() {
        let mut budget = Budget::default();
        budget.shrink(10_000);
        assert_eq!(budget.tokens(), 5_000);
        (1..PATIENCE).for_each(|_| budget.praise());
        assert_eq!(budget.tokens(), 5_000);
        budget.praise();
        assert_eq!(budget.tokens(), 10_000);
        (0..PATIENCE).for_each(|_| budget.praise());
        assert_eq!(budget.tokens(), MOST_TOKENS);
        (0..20).for_each(|_| budget.shrink(9));
        assert_eq!(budget.tokens(), LEAST_TOKENS);
    }
}
