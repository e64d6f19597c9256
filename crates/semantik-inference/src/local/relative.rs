//! Bias of attention by distance, as MPNet and T5 have it: one number per head for each of a few
//! buckets of distances, near ones exact, far ones ever coarser.

use crate::local::ops::attention::Bias;

/// Rows of the table of biases.
pub(crate) const BUCKETS: usize = 32;
/// Distances below this have a bucket each.
const EXACT: usize = 8;

/// The bias of every distance, ready for attention.
pub(crate) struct Relative {
    /// `[heads, 2 * reach - 1]`, for the base-2 exponent that attention counts in.
    rows: Vec<f32>,
    reach: usize,
}

impl Relative {
    /// From the table `[BUCKETS, heads]`, for texts of at most `reach` tokens.
    pub fn new(table: &[f32], heads: usize, reach: usize) -> Self {
        let bias = |head: usize, at: usize| {
            // A key before its query has a distance in the first half of the buckets.
            let (away, after) = (at.abs_diff(reach - 1), at >= reach);
            let bucket = bucket(away) + if after { BUCKETS / 2 } else { 0 };
            (f64::from(table[bucket * heads + head]) * std::f64::consts::LOG2_E) as f32
        };
        let rows = (0..heads).flat_map(|head| (0..2 * reach - 1).map(move |at| bias(head, at))).collect();
        Self { rows, reach }
    }

    pub fn view(&self) -> Bias<'_> {
        Bias { rows: &self.rows, reach: self.reach }
    }
}

/// The bucket of a distance in one direction: two for every doubling from [`EXACT`] on.
fn bucket(away: usize) -> usize {
    if away < EXACT {
        return away;
    }
    // Bucket EXACT + k begins at EXACT * 2^(k / 2); squared, the comparison is of whole numbers.
    let beyond = (1..BUCKETS / 2 - EXACT).take_while(|k| away * away >= (EXACT * EXACT) << k).count();
    EXACT + beyond
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, Relative, bucket};

    #[test]
    fn buckets_begin_where_the_reference_lets_them_begin() {
        // From `relative_position_bucket` of the reference, for distances up to 600.
        let first: Vec<usize> = (1..600).filter(|away| bucket(*away) != bucket(away - 1)).collect();
        assert_eq!(first, [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]);
        assert_eq!(bucket(1_000_000), BUCKETS / 2 - 1);
    }

    #[test]
    fn keys_before_and_after_a_query_have_their_own_halves() {
        let table: Vec<f32> = (0..BUCKETS).map(|bucket| bucket as f32).collect();
        let relative = Relative::new(&table, 1, 4);
        let rows: Vec<f32> = relative.view().rows.iter().map(|bias| bias / std::f32::consts::LOG2_E).collect();
        let expected = [3.0, 2.0, 1.0, 0.0, 17.0, 18.0, 19.0];
        assert!(rows.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-5), "{rows:?}");
    }
}
