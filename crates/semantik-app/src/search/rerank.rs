//! Reading the best candidates again, query and passage together, with a cross-encoder.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use semantik_core::id::ChunkId;
use semantik_core::search::{SearchRequest, Timing};
use semantik_inference::{InferenceError, Reranker};
use tokio_util::sync::CancellationToken;

use super::fuse::Ranked;
use super::milliseconds;
use crate::{App, AppError};

/// Candidates read again for each hit wanted, and their bounds.
const CANDIDATES_PER_HIT: usize = 5;
const CANDIDATES: std::ops::RangeInclusive<usize> = 20..=200;
/// After this long the order found so far is the answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl App {
    /// Puts the best candidates into the order the reranker gives them; the rest stays behind them.
    /// A reranker that fails costs the order and a notice, never the answer.
    ///
    /// # Errors
    /// `invalid_request` when one was asked for and none is set; what the store says.
    pub(super) async fn rerank(
        &self,
        request: &SearchRequest,
        ranked: Vec<Ranked>,
        timing: &mut Timing,
        notices: &mut Vec<String>,
    ) -> Result<Vec<Ranked>, AppError> {
        let reranker = match (request.rerank, self.reranker()) {
            (Some(false), _) | (None, None) => return Ok(ranked),
            (Some(true), None) => {
                return Err(AppError::invalid("no reranker is set; set RERANK_MODEL, or search without `rerank`"));
            }
            (_, Some(reranker)) => reranker,
        };
        let begun = Instant::now();
        let wanted = (request.offset + request.limit).saturating_mul(CANDIDATES_PER_HIT);
        let (mut first, rest) = split(ranked, wanted.clamp(*CANDIDATES.start(), *CANDIDATES.end()));
        let ids: Vec<ChunkId> = first.iter().map(|hit| hit.found.point.id).collect();
        let mut texts: HashMap<ChunkId, String> =
            self.store().chunks_by_id(&ids).await?.into_iter().map(|chunk| (chunk.id, chunk.text)).collect();
        // A point whose row is gone is left out, as it will be when the page is made.
        first.retain(|hit| texts.contains_key(&hit.found.point.id));
        let passages = first.iter().filter_map(|hit| texts.remove(&hit.found.point.id)).collect();
        match scores(reranker, request.query.clone(), passages).await {
            Ok(scores) => reorder(&mut first, &scores),
            Err(error) => {
                tracing::warn!(%error, "the candidates could not be reranked");
                notices.push(format!("not reranked: {error}"));
            }
        }
        timing.rerank_ms = milliseconds(begun);
        first.extend(rest);
        Ok(first)
    }
}

async fn scores(reranker: &dyn Reranker, query: String, passages: Vec<String>) -> Result<Vec<f32>, InferenceError> {
    let none = CancellationToken::new();
    tokio::time::timeout(PATIENCE, reranker.rerank(query, passages, &none))
        .await
        .unwrap_or_else(|_| Err(InferenceError::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()))))
}

fn split(mut ranked: Vec<Ranked>, at: usize) -> (Vec<Ranked>, Vec<Ranked>) {
    let rest = ranked.split_off(at.min(ranked.len()));
    (ranked, rest)
}

/// Best first; equal scores keep the order found before.
fn reorder(ranked: &mut [Ranked], scores: &[f32]) {
    for (hit, score) in ranked.iter_mut().zip(scores) {
        hit.explain.rerank = Some(*score);
        hit.score = f64::from(*score);
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
}
