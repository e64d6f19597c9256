//! One precision after the other: load, embed, time, compare with float32.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use semantik_core::collection::Quantization;
use semantik_inference::local::{LocalOptions, open_local};
use semantik_inference::{Embedder, InferenceError, Purpose};
use tokio_util::sync::CancellationToken;

use super::Texts;
use super::report::PrecisionQuality;
use super::retrieval::{Judged, cosine, overlap};

/// Texts per call: short enough that progress shows and a cancel is quick.
const BATCH: usize = 32;
/// Times that all passages are embedded; the median counts.
const ROUNDS: usize = 3;
/// Single queries that are timed.
const TIMED_QUERIES: usize = 200;

/// What is to be measured.
pub struct Plan {
    pub folder: PathBuf,
    pub name: String,
    pub threads: usize,
    pub texts: Texts,
    pub judged: Option<Judged>,
}

impl Plan {
    /// Texts that will be embedded, for a progress bar.
    pub fn steps(&self) -> usize {
        let judged = self.judged.as_ref().map_or(0, |judged| judged.documents.len() + judged.queries.len());
        let timed = self.texts.queries.len().min(TIMED_QUERIES);
        Quantization::ALL.len() * (ROUNDS * self.texts.passages.len() + self.texts.queries.len() + timed + judged)
    }

    fn options(&self, quantization: Quantization) -> LocalOptions {
        LocalOptions { threads: self.threads, quantization }
    }
}

/// Vectors of one precision.
struct Vectors {
    passages: Vec<Vec<f32>>,
    queries: Vec<Vec<f32>>,
}

/// Measures every precision, float32 first. `step` is told of texts as they are done.
///
/// # Errors
/// [`InferenceError::Cancelled`], or what is wrong with the model.
pub async fn measure(
    plan: &Plan,
    cancel: &CancellationToken,
    step: &(dyn Fn(usize, Quantization) + Sync),
) -> Result<Vec<PrecisionQuality>, InferenceError> {
    let mut rows = Vec::new();
    let mut exact: Option<Vectors> = None;
    for quantization in [Quantization::Float32, Quantization::Float16, Quantization::Int8] {
        let begun = Instant::now();
        let (folder, name, options) = (plan.folder.clone(), plan.name.clone(), plan.options(quantization));
        let model = tokio::task::spawn_blocking(move || open_local(&folder, &name, options))
            .await
            .map_err(|error| InferenceError::Unavailable(error.to_string()))??;
        let load_s = begun.elapsed().as_secs_f64();
        let run = Run { model, cancel, step, quantization };
        let (vectors, tokens_per_s) = run.passages(plan).await?;
        let times = run.times(&plan.texts.queries).await?;
        let ndcg_10 = match &plan.judged {
            Some(judged) => Some(run.judge(judged).await?),
            None => None,
        };
        let reference = exact.as_ref().unwrap_or(&vectors);
        let cosines: Vec<f64> =
            reference.passages.iter().zip(&vectors.passages).map(|(left, right)| cosine(left, right)).collect();
        rows.push(PrecisionQuality {
            precision: quantization.to_string(),
            cosine_mean: cosines.iter().sum::<f64>() / cosines.len().max(1) as f64,
            cosine_least: cosines.iter().copied().fold(1.0, f64::min),
            overlap_10: overlap((&reference.passages, &reference.queries), (&vectors.passages, &vectors.queries)),
            tokens_per_s,
            query_p50_ms: quantile(&times, 0.5),
            query_p95_ms: quantile(&times, 0.95),
            load_s,
            memory_bytes: None,
            ndcg_10,
        });
        exact.get_or_insert(vectors);
    }
    Ok(rows)
}

/// A loaded model of one precision.
struct Run<'a> {
    model: Arc<dyn Embedder>,
    cancel: &'a CancellationToken,
    step: &'a (dyn Fn(usize, Quantization) + Sync),
    quantization: Quantization,
}

impl Run<'_> {
    async fn embed(&self, texts: &[String], purpose: Purpose) -> Result<Vec<Vec<f32>>, InferenceError> {
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            vectors.extend(self.model.embed(batch.to_vec(), purpose, self.cancel).await?);
            (self.step)(batch.len(), self.quantization);
        }
        Ok(vectors)
    }

    /// Vectors of all texts, and the median speed of several rounds.
    async fn passages(&self, plan: &Plan) -> Result<(Vectors, f64), InferenceError> {
        let (counter, most) = (self.model.tokens(), self.model.info().max_tokens);
        let tokens: usize = plan.texts.passages.iter().map(|text| counter.spans(text).len().min(most)).sum();
        // Queries go first, so that the buffers have grown when the clock starts.
        let queries = self.embed(&plan.texts.queries, Purpose::Query).await?;
        let (mut passages, mut speeds) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            passages = self.embed(&plan.texts.passages, Purpose::Passage).await?;
            speeds.push(tokens as f64 / begun.elapsed().as_secs_f64());
        }
        Ok((Vectors { passages, queries }, quantile(&speeds, 0.5)))
    }

    /// Milliseconds of queries one by one.
    async fn times(&self, queries: &[String]) -> Result<Vec<f64>, InferenceError> {
        let mut times = Vec::new();
        for query in queries.iter().take(TIMED_QUERIES) {
            let begun = Instant::now();
            self.model.embed(vec![query.clone()], Purpose::Query, self.cancel).await?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            (self.step)(1, self.quantization);
        }
        Ok(times)
    }

    async fn judge(&self, judged: &Judged) -> Result<f64, InferenceError> {
        let documents = self.embed(&judged.documents, Purpose::Passage).await?;
        let queries = self.embed(&judged.queries, Purpose::Query).await?;
        Ok(judged.ndcg_10(&documents, &queries))
    }
}

/// Resident bytes that loading the model and running a few passages adds to this process, which
/// should do nothing else; `None` where the system does not tell.
///
/// # Errors
/// What is wrong with the model.
pub async fn resident_bytes(
    folder: &Path,
    name: &str,
    options: LocalOptions,
    texts: &Texts,
) -> Result<Option<u64>, InferenceError> {
    let Some(before) = resident() else { return Ok(None) };
    let model = open_local(folder, name, options)?;
    let some = texts.passages.iter().take(2 * BATCH).cloned().collect();
    model.embed(some, Purpose::Passage, &CancellationToken::new()).await?;
    Ok(resident().map(|now| now.saturating_sub(before)))
}

/// Resident memory of this process.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The value that `share` of `values` do not exceed; 0 of none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(((sorted.len().saturating_sub(1)) as f64 * share).round() as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_values_of_the_list() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!([quantile(&values, 0.5), quantile(&values, 0.95)], [50.0, 95.0]);
        assert_eq!([quantile(&[3.0], 0.95), quantile(&[], 0.5)], [3.0, 0.0]);
    }
}
