//! Rankings by vectors: the ten best passages, and nDCG@10 on Cranfield.

use std::path::Path;

use crate::error::{CliError, io_error};
use crate::eval::metrics::{Grades, judge};
use crate::eval::{cranfield, judged};

/// Hits that are compared.
const BEST: usize = 10;

/// Documents and queries with judgements.
pub struct Judged {
    pub documents: Vec<String>,
    pub queries: Vec<String>,
    ids: Vec<String>,
    grades: Vec<Grades>,
}

impl Judged {
    /// Cranfield from the folder that holds `cran.all.1400`, `cran.qry` and
    /// `QRelsCorrectedforTRECeval`.
    pub fn cranfield(folder: &Path) -> Result<Self, CliError> {
        let load = |name: &str| {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).map_err(|e| io_error(&format!("cannot read {}", path.display()), &e))?;
            Ok::<_, CliError>(String::from_utf8_lossy(&bytes).into_owned())
        };
        let records = cranfield::records(&load("cran.all.1400")?);
        let mut asked = judged::queries(&load("cran.qry")?)?;
        cranfield::number_by_position(&mut asked);
        let mut judgements = judged::judgements(&load("QRelsCorrectedforTRECeval")?)?;
        cranfield::codes_to_gains(&mut judgements);
        let (queries, grades) = asked
            .into_iter()
            .filter_map(|query| {
                let grades = judgements.remove(&query.id)?;
                grades.values().any(|grade| *grade > 0.0).then_some((query.text, grades))
            })
            .unzip();
        let documents =
            records.iter().map(|record| format!("{}\n\n{}", record.field('T'), record.field('W'))).collect();
        Ok(Self { documents, queries, ids: records.into_iter().map(|record| record.id).collect(), grades })
    }

    /// The mean nDCG@10 of rankings by these vectors.
    pub fn ndcg_10(&self, documents: &[Vec<f32>], queries: &[Vec<f32>]) -> f64 {
        let each = queries.iter().zip(&self.grades).map(|(query, grades)| {
            let ranking: Vec<String> = best(query, documents).into_iter().map(|at| self.ids[at].clone()).collect();
            judge(&ranking, grades).ndcg_10
        });
        each.sum::<f64>() / self.grades.len().max(1) as f64
    }
}

/// The share of each query's ten best passages that both sets of vectors agree on, over all queries.
pub fn overlap(exact: (&[Vec<f32>], &[Vec<f32>]), other: (&[Vec<f32>], &[Vec<f32>])) -> f64 {
    let each = exact.1.iter().zip(other.1).map(|(left, right)| {
        let (left, right) = (best(left, exact.0), best(right, other.0));
        left.iter().filter(|at| right.contains(at)).count() as f64 / left.len().max(1) as f64
    });
    each.sum::<f64>() / exact.1.len().max(1) as f64
}

/// The places of the best passages, best first.
fn best(query: &[f32], passages: &[Vec<f32>]) -> Vec<usize> {
    let mut ranked: Vec<(f64, usize)> =
        passages.iter().enumerate().map(|(at, passage)| (cosine(query, passage), at)).collect();
    ranked.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    ranked.into_iter().take(BEST).map(|(_, at)| at).collect()
}

/// Of vectors of length 1.
pub fn cosine(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[cfg(test)]
mod tests {
    use super::{best, overlap};

    #[test]
    fn the_best_come_first_and_an_overlap_is_a_share() {
        let passages: Vec<Vec<f32>> = (0..20).map(|n| vec![n as f32]).collect();
        let query = vec![vec![1.0]];
        assert_eq!(best(&query[0], &passages), [19, 18, 17, 16, 15, 14, 13, 12, 11, 10]);
        let mut turned = passages.clone();
        turned.swap(9, 10);
        assert!((overlap((&passages, &query), (&turned, &query)) - 0.9).abs() < 1e-9);
        assert!((overlap((&passages, &query), (&passages, &query)) - 1.0).abs() < 1e-9);
    }
}
