//! A query and passages become scores.

use semantik_core::ErrorCode;
use semantik_inference::ModelInfo;
use tokio_util::sync::CancellationToken;

use super::embed::check_count;
use super::{TEXTS, Vecpipe};
use crate::AppError;

/// Passages to score for a query.
#[derive(Debug, Clone)]
pub struct RerankRequest {
    pub query: String,
    /// At least one, at most [`TEXTS`]; empty ones are allowed.
    pub passages: Vec<String>,
    /// `None`, an empty text or `default` mean the configured one.
    pub model: Option<String>,
}

/// Scores from 0 to 1, in the order of the passages.
#[derive(Debug, Clone)]
pub struct Reranked {
    pub scores: Vec<f32>,
    pub model: ModelInfo,
}

impl Vecpipe {
    /// Scores passages. Dropping the future frees what was queued and running for it.
    ///
    /// # Errors
    /// `invalid_request`, `request_too_large`, `not_found` for an unknown model, `overloaded`.
    pub async fn rerank(&self, request: RerankRequest) -> Result<Reranked, AppError> {
        check_count(request.passages.len(), TEXTS, "documents")?;
        let name = match named(request.model.as_deref()).or(self.settings().rerank_model.as_deref()) {
            Some(name) => name.to_owned(),
            None => return Err(no_reranker()),
        };
        let reranker = self.reranker(&name).await?;
        let _call = self.in_flight().begin();
        let cancel = CancellationToken::new();
        let _cancel_on_drop = cancel.clone().drop_guard();
        let scores = reranker.rerank(request.query, request.passages, &cancel).await?;
        Ok(Reranked { scores, model: reranker.info().clone() })
    }
}

/// The name a caller gave, when it is one.
pub(super) fn named(model: Option<&str>) -> Option<&str> {
    model.filter(|name| !name.is_empty() && *name != "default")
}

fn no_reranker() -> AppError {
    AppError::Refused {
        code: ErrorCode::InvalidRequest,
        message: "no reranker is configured, and the request names none".into(),
        hint: Some(
            "set RERANK_MODEL to a cross-encoder in the model cache and start `semantik vecpipe` again, or send `model`"
                .into(),
        ),
    }
}
