//! Searching: rights as filter, both legs, fusion, passages.

pub(crate) mod fuse;
pub(crate) mod legs;
mod present;
mod rerank;

use std::time::Instant;

use semantik_core::collection::Collection;
use semantik_core::search::{SearchMode, SearchRequest, SearchResponse, Timing};
use semantik_inference::Purpose;
use tokio_util::sync::CancellationToken;

use crate::{App, AppError, Caller};

const QUERY_CHARS: usize = 1000;
const COLLECTIONS: usize = 10;
const LIMIT: usize = 100;
const OFFSET: usize = 1000;
/// Fewest candidates of a leg.
const DEPTH: usize = 100;
/// Most candidates of a leg, which is what an index takes.
const DEPTH_MAX: usize = 4096;

impl App {
    /// Answers a query. The embedder being down gives a lexical answer with a notice.
    ///
    /// # Errors
    /// `invalid_request`, `not_found` for an unknown collection, `model_mismatch`.
    pub async fn search(&self, caller: &Caller, request: SearchRequest) -> Result<SearchResponse, AppError> {
        let begun = Instant::now();
        check(&request)?;
        let collections = self.searched(caller, &request).await?;
        let (mut timing, mut notices) = (Timing::default(), Vec::new());
        let (mode, vector) = self.embed_query(&request, &mut timing, &mut notices).await?;
        // Documents have several passages: grouping needs deeper legs to fill the page.
        let wanted = (request.offset + request.limit) * if request.group_by_document { 8 } else { 4 };
        let depth = wanted.clamp(DEPTH, DEPTH_MAX);
        let legs = self.run_legs(&request, mode, vector.as_deref(), depth, &collections, &mut timing).await?;
        let ranked = self.rerank(&request, fuse::fuse(legs), &mut timing, &mut notices).await?;
        let fetch = Instant::now();
        let hits = self.present(&request, ranked).await?;
        timing.fetch_ms = milliseconds(fetch);
        timing.total_ms = milliseconds(begun);
        metrics::histogram!("semantik_search_duration_seconds", "mode" => mode.as_str())
            .record(begun.elapsed().as_secs_f64());
        Ok(SearchResponse { hits, mode, notices, timing })
    }

    async fn searched(&self, caller: &Caller, request: &SearchRequest) -> Result<Vec<Collection>, AppError> {
        let mut collections = Vec::new();
        for key in &request.collections {
            collections.push(self.find_collection(caller, key).await?);
        }
        if request.collections.is_empty() {
            collections = self.store().collections().await?;
            collections.retain(|collection| collection.owner == caller.user());
        }
        collections.retain(|collection| collection.status != semantik_core::collection::CollectionStatus::Deleting);
        Ok(collections)
    }

    async fn embed_query(
        &self,
        request: &SearchRequest,
        timing: &mut Timing,
        notices: &mut Vec<String>,
    ) -> Result<(SearchMode, Option<Vec<f32>>), AppError> {
        if request.mode == SearchMode::Lexical {
            return Ok((SearchMode::Lexical, None));
        }
        let begun = Instant::now();
        let embedded =
            self.embedder().embed(vec![request.query.clone()], Purpose::Query, &CancellationToken::new()).await;
        timing.embed_ms = milliseconds(begun);
        match embedded {
            Ok(mut vectors) => Ok((request.mode, vectors.pop())),
            Err(error) => {
                tracing::warn!(%error, "the query could not be embedded");
                notices.push(format!("found by words only: {error}"));
                Ok((SearchMode::Lexical, None))
            }
        }
    }
}

fn check(request: &SearchRequest) -> Result<(), AppError> {
    let chars = request.query.chars().count();
    if request.query.trim().is_empty() || chars > QUERY_CHARS {
        return Err(AppError::invalid(format!("query has 1 to {QUERY_CHARS} characters, this one has {chars}")));
    }
    if !(1..=LIMIT).contains(&request.limit) {
        return Err(AppError::invalid(format!("limit is between 1 and {LIMIT}")));
    }
    if request.offset > OFFSET {
        return Err(AppError::invalid(format!("offset is at most {OFFSET}")));
    }
    if request.collections.len() > COLLECTIONS {
        return Err(AppError::invalid(format!("a search takes at most {COLLECTIONS} collections")));
    }
    Ok(())
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
