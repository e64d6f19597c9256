//! `POST /rerank`: our own shape, which is also that of Cohere and Jina, and that of
//! text-embeddings-inference; the body's fields tell which.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use semantik_app::vecpipe::{RerankRequest, Vecpipe};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::bodies::Raw;
use super::rerank_tei;
use super::texts::Texts;
use crate::error::Problem;

/// Enough of a body to tell whose it is.
#[derive(Deserialize)]
struct Peek {
    texts: Option<IgnoredAny>,
}

/// Our own shape; fields of others that change nothing here are left alone.
#[derive(Deserialize)]
struct Body {
    query: String,
    documents: Texts,
    #[serde(default)]
    model: Option<String>,
    /// How many of the best come back; all when left out.
    #[serde(default, alias = "top_n")]
    top_k: Option<usize>,
    #[serde(default)]
    return_documents: bool,
}

#[derive(Serialize)]
pub(super) struct View {
    model: String,
    results: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    index: usize,
    score: f32,
    /// The same under the name Cohere and Jina use.
    relevance_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Document>,
}

#[derive(Serialize)]
struct Document {
    text: String,
}

pub(super) async fn rerank(State(vecpipe): State<Vecpipe>, body: Raw) -> Response {
    if body.json::<Peek>().is_ok_and(|peek| peek.texts.is_some()) {
        return rerank_tei::rerank(&vecpipe, &body).await;
    }
    rerank_own(State(vecpipe), body).await.into_response()
}

pub(super) async fn rerank_own(State(vecpipe): State<Vecpipe>, body: Raw) -> Result<Json<View>, Problem> {
    let body: Body = body.json()?;
    let passages = body.documents.documents("documents")?;
    if body.top_k == Some(0) {
        return Err(Problem::invalid("`top_k` is 0; leave it out to get every document"));
    }
    let kept = body.return_documents.then(|| passages.clone());
    let made = vecpipe.rerank(RerankRequest { query: body.query, passages, model: body.model }).await?;
    let row = |(index, score): (usize, f32)| Row {
        index,
        score,
        relevance_score: score,
        document: kept.as_ref().map(|texts| Document { text: texts[index].clone() }),
    };
    let ranked = best_first(&made.scores).into_iter().take(body.top_k.unwrap_or(usize::MAX));
    Ok(Json(View { model: made.model.name, results: ranked.map(row).collect() }))
}

/// Places with their scores, the best first; equal ones keep their order.
pub(super) fn best_first(scores: &[f32]) -> Vec<(usize, f32)> {
    let mut ranked: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    ranked.sort_by(|left, right| right.1.total_cmp(&left.1));
    ranked
}
