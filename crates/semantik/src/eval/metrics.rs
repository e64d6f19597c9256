//! Retrieval figures of one ranking, and their mean with a bootstrap interval.
//!
//! Definitions are those of trec_eval: gain is the grade, discount is log2(rank + 1), a document
//! without judgement is not relevant, relevant means a grade above zero.

use std::collections::HashMap;

use serde::Serialize;

/// Grades of one query's documents.
pub type Grades = HashMap<String, f64>;

/// Seed of the resampling, so that a report comes out the same twice.
const SEED: u64 = 0x5e3a_171c;
const RESAMPLES: usize = 1000;

/// Figures of one ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    pub ndcg_10: f64,
    pub average_precision: f64,
    pub recall_100: f64,
    pub reciprocal_rank_10: f64,
}

/// Judges a ranking (best first, no document twice).
pub fn judge(ranking: &[String], grades: &Grades) -> Figures {
    let gain = |document: &String| grades.get(document).copied().unwrap_or(0.0).max(0.0);
    let relevant = grades.values().filter(|grade| **grade > 0.0).count();
    Figures {
        ndcg_10: ndcg(ranking.iter().map(gain), grades, 10),
        average_precision: average_precision(ranking.iter().map(gain), relevant),
        recall_100: if relevant == 0 {
            0.0
        } else {
            ranking.iter().take(100).filter(|d| gain(d) > 0.0).count() as f64 / relevant as f64
        },
        reciprocal_rank_10: ranking.iter().take(10).position(|d| gain(d) > 0.0).map_or(0.0, |at| 1.0 / (at + 1) as f64),
    }
}

fn ndcg(gains: impl Iterator<Item = f64>, grades: &Grades, depth: usize) -> f64 {
    let mut ideal: Vec<f64> = grades.values().copied().filter(|grade| *grade > 0.0).collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = discounted(ideal.into_iter(), depth);
    if best == 0.0 { 0.0 } else { discounted(gains, depth) / best }
}

fn discounted(gains: impl Iterator<Item = f64>, depth: usize) -> f64 {
    gains.take(depth).enumerate().map(|(at, gain)| gain / ((at + 2) as f64).log2()).sum()
}

fn average_precision(gains: impl Iterator<Item = f64>, relevant: usize) -> f64 {
    if relevant == 0 {
        return 0.0;
    }
    let mut found = 0.0;
    let mut sum = 0.0;
    for (at, gain) in gains.enumerate() {
        if gain > 0.0 {
            found += 1.0;
            sum += found / (at + 1) as f64;
        }
    }
    sum / relevant as f64
}

/// A mean over queries with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

impl Mean {
    /// Percentile bootstrap over queries.
    pub fn of(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self { mean: 0.0, low: 0.0, high: 0.0 };
        }
        let count = values.len();
        let mut random = SplitMix(SEED);
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| (0..count).map(|_| values[random.below(count)]).sum::<f64>() / count as f64)
            .collect();
        means.sort_by(f64::total_cmp);
        let at = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
        Self { mean: values.iter().sum::<f64>() / count as f64, low: at(0.025), high: at(0.975) }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough for resampling.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // The high half of a product maps to the range without a modulo's bias.
        ((u128::from(z) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(names: &str) -> Vec<String> {
        names.split(' ').map(str::to_owned).collect()
    }

    fn grades(pairs: &[(&str, f64)]) -> Grades {
        pairs.iter().map(|(name, grade)| ((*name).to_owned(), *grade)).collect()
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn figures_agree_with_hand_computed_values() {
        // Ranks 1 and 3 are right; c (grade 1) is missing.
        let figures = judge(&ranking("a x b"), &grades(&[("a", 3.0), ("b", 2.0), ("c", 1.0), ("x", 0.0)]));
        // DCG = 3/1 + 2/2 = 4; ideal = 3/1 + 2/log2(3) + 1/2
        close(figures.ndcg_10, 4.0 / (3.0 + 2.0 / 3f64.log2() + 0.5));
        close(figures.ndcg_10, 0.840_007_983_015_856_3);
        // (1/1 + 2/3) / 3
        close(figures.average_precision, 5.0 / 9.0);
        close(figures.recall_100, 2.0 / 3.0);
        close(figures.reciprocal_rank_10, 1.0);
    }

    #[test]
    fn a_perfect_ranking_is_one_and_an_empty_one_zero() {
        let judged = grades(&[("a", 2.0), ("b", 1.0)]);
        let perfect = judge(&ranking("a b x"), &judged);
        for figure in [perfect.ndcg_10, perfect.average_precision, perfect.recall_100, perfect.reciprocal_rank_10] {
            close(figure, 1.0);
        }
        let empty = judge(&[], &judged);
        assert_eq!(empty, Figures { ndcg_10: 0.0, average_precision: 0.0, recall_100: 0.0, reciprocal_rank_10: 0.0 });
    }

    #[test]
    fn what_stands_below_the_cut_does_not_count() {
        let late = ranking("n1 n2 n3 n4 n5 n6 n7 n8 n9 n10 a");
        let figures = judge(&late, &grades(&[("a", 1.0)]));
        close(figures.ndcg_10, 0.0);
        close(figures.reciprocal_rank_10, 0.0);
        close(figures.average_precision, 1.0 / 11.0);
        close(figures.recall_100, 1.0);
    }

    #[test]
    fn the_interval_surrounds_the_mean_and_comes_out_the_same_twice() {
        let values: Vec<f64> = (0..100).map(|n| f64::from(n % 10) / 10.0).collect();
        let mean = Mean::of(&values);
        close(mean.mean, 0.45);
        assert!(mean.low < 0.45 && mean.high > 0.45 && mean.high - mean.low < 0.15, "{mean:?}");
        assert_eq!(mean, Mean::of(&values));
        let constant = Mean::of(&[0.5; 20]);
        assert_eq!((constant.low, constant.high), (0.5, 0.5));
    }
}
