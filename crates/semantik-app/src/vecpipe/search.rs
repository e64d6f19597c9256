//! Searching a space by meaning, by words, or by both.

use std::collections::HashMap;

use futures::future::try_join_all;
use semantik_core::id::{ChunkId, CollectionId};
use semantik_core::search::SearchMode;
use semantik_inference::Purpose;
use semantik_store::spaces::SpacePoint;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::embed::check_count;
use super::spaces::OpenSpace;
use super::upsert::PointId;
use super::{QUERIES, RESULTS, Vecpipe};
use crate::AppError;
use crate::search::fuse::{Ranked, fuse};
use crate::search::legs::{Found, Legs};

/// Bytes of a query.
const QUERY_BYTES: usize = 64 * 1024;
/// Most candidates of a leg, which is what an index takes.
const DEPTH_MAX: usize = 4096;
/// Fewest candidates of a leg that is joined with another.
const JOINED_DEPTH: usize = 100;
/// Results of all queries of a batch.
const BATCH_RESULTS: usize = 10_000;

/// What to look for in a space.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceQuery {
    pub collection: String,
    /// A text; needed for words.
    #[serde(default)]
    pub query: Option<String>,
    /// A vector in place of that of the text.
    #[serde(default)]
    pub vector: Option<Vec<f32>>,
    /// Results, 1 to [`RESULTS`].
    #[serde(default = "SpaceQuery::default_k")]
    pub k: usize,
    /// Leaves out results below.
    #[serde(default)]
    pub score_threshold: Option<f64>,
    #[serde(default = "SpaceQuery::default_mode")]
    pub mode: SearchMode,
}

/// A point that was found.
#[derive(Debug, Clone, Serialize)]
pub struct SpaceHit {
    pub id: PointId,
    /// Cosine (dense), BM25 (lexical) or reciprocal rank fusion (hybrid); higher is better.
    pub score: f64,
    pub text: String,
    pub payload: Option<Value>,
}

/// What was found, best first.
#[derive(Debug, Clone, Serialize)]
pub struct SpaceHits {
    pub collection: String,
    pub mode: SearchMode,
    pub results: Vec<SpaceHit>,
}

impl SpaceQuery {
    fn default_k() -> usize {
        10
    }

    fn default_mode() -> SearchMode {
        SearchMode::Dense
    }
}

impl Vecpipe {
    /// Finds points.
    ///
    /// # Errors
    /// `invalid_request`, `not_found`, `model_mismatch` when the space's model has changed.
    pub async fn search(&self, query: SpaceQuery) -> Result<SpaceHits, AppError> {
        check(&query)?;
        let space = self.spaces().get(&query.collection).await?;
        let vector = self.query_vector(&space, &query).await?;
        let mut depth = if query.mode == SearchMode::Hybrid { (4 * query.k).max(JOINED_DEPTH) } else { query.k };
        loop {
            depth = depth.min(DEPTH_MAX);
            let (ranked, more) = rank(&space, &query, vector.as_deref(), depth).await?;
            let results = fetch(&space, &query, ranked).await?;
            // Points that are being replaced do not count; deeper legs make up for them.
            if results.len() >= query.k || !more || depth == DEPTH_MAX {
                return Ok(SpaceHits { collection: query.collection, mode: query.mode, results });
            }
            depth *= 4;
        }
    }

    /// Answers several queries; the answers stand in their order.
    ///
    /// # Errors
    /// That of the first query that cannot be answered.
    pub async fn search_batch(&self, queries: Vec<SpaceQuery>) -> Result<Vec<SpaceHits>, AppError> {
        check_count(queries.len(), QUERIES, "queries")?;
        check_count(queries.iter().map(|query| query.k).sum(), BATCH_RESULTS, "results in all")?;
        try_join_all(queries.into_iter().map(|query| self.search(query))).await
    }

    async fn query_vector(&self, space: &OpenSpace, query: &SpaceQuery) -> Result<Option<Vec<f32>>, AppError> {
        if query.mode == SearchMode::Lexical {
            return Ok(None);
        }
        if let Some(vector) = &query.vector {
            return space.unit(vector.clone(), "vector").map(Some);
        }
        let Some(model) = &space.space.model else {
            return Err(AppError::invalid(format!(
                "collection `{}` holds vectors that callers bring, so a search needs `vector` (or mode `lexical`)",
                space.space.name
            )));
        };
        let embedder = self.embedder(Some(&model.name), Some(model.made.quantization)).await?;
        space.check_model(embedder.info())?;
        let texts = query.query.iter().cloned().collect();
        Ok(self.run_embedder(&*embedder, texts, Purpose::Query).await?.pop())
    }
}

/// Both legs joined, and whether deeper ones could hold more.
async fn rank(
    space: &OpenSpace,
    query: &SpaceQuery,
    vector: Option<&[f32]>,
    depth: usize,
) -> Result<(Vec<Ranked>, bool), AppError> {
    // One collection only: which one does not matter to the fusion.
    let found = |point| Found { collection: CollectionId(space.space.index.0), point };
    let mut legs = Legs::default();
    if let Some(vector) = vector {
        let dense = space.index.search_dense(vector, depth, &None).await?;
        legs.dense = dense.into_iter().map(found).collect();
    }
    if let (Some(text), true) = (&query.query, query.mode != SearchMode::Dense) {
        let lexical = space.index.search_lexical(text, depth, &None).await?;
        legs.lexical = lexical.into_iter().map(found).collect();
    }
    let more = legs.dense.len() == depth || legs.lexical.len() == depth;
    Ok((fuse(legs), more))
}

/// The best `k` that count and are good enough, with what is kept of them.
async fn fetch(space: &OpenSpace, query: &SpaceQuery, ranked: Vec<Ranked>) -> Result<Vec<SpaceHit>, AppError> {
    let good = |hit: &Ranked| query.score_threshold.is_none_or(|least| hit.score >= least);
    let ranked: Vec<Ranked> = ranked.into_iter().filter(good).collect();
    let mut hits = Vec::with_capacity(query.k.min(ranked.len()));
    // Rows hold payloads: no more are read than are shown, unless some do not count.
    for part in ranked.chunks(query.k) {
        let keys: Vec<ChunkId> = part.iter().map(|hit| hit.found.point.id).collect();
        let rows = space.rows.points(space.space.index, &keys).await?;
        let mut rows: HashMap<ChunkId, SpacePoint> = rows.into_iter().map(|row| (row.key, row)).collect();
        for hit in part {
            let Some(row) = rows.remove(&hit.found.point.id).filter(|_| hits.len() < query.k) else { continue };
            hits.push(show(row, hit.score)?);
        }
        if hits.len() == query.k {
            break;
        }
    }
    Ok(hits)
}

fn show(row: SpacePoint, score: f64) -> Result<SpaceHit, AppError> {
    let payload = match row.payload.as_str() {
        "" => None,
        text => Some(serde_json::from_str(text).map_err(|error| AppError::Internal(format!("a payload: {error}")))?),
    };
    Ok(SpaceHit { id: PointId::read(&row.id)?, score, text: row.text, payload })
}

fn check(query: &SpaceQuery) -> Result<(), AppError> {
    if !(1..=RESULTS).contains(&query.k) {
        return Err(AppError::invalid(format!("k is between 1 and {RESULTS}, not {}", query.k)));
    }
    if query.query.as_ref().is_some_and(|text| text.len() > QUERY_BYTES) {
        return Err(AppError::invalid(format!("query has at most {QUERY_BYTES} bytes")));
    }
    match query.mode {
        SearchMode::Dense if query.query.is_none() && query.vector.is_none() => {
            Err(AppError::invalid("send `query` or `vector`"))
        }
        SearchMode::Lexical | SearchMode::Hybrid if query.query.is_none() => {
            Err(AppError::invalid(format!("mode `{}` needs `query`", query.mode)))
        }
        SearchMode::Dense | SearchMode::Lexical | SearchMode::Hybrid => Ok(()),
    }
}
