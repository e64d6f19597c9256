//! `POST /rerank` as text-embeddings-inference answers it.

use axum::response::{IntoResponse, Response};
use semantik_app::vecpipe::{RerankRequest, Vecpipe};
use serde::{Deserialize, Serialize};

use super::bodies::Raw;
use super::dialect::{Tei, tei_empty};
use super::rerank::best_first;
use super::texts::Texts;
use crate::error::Problem;

/// The fields we know; others are left alone, as that server does. Pairs that are too long are
/// always cut: a reranker has read the best part of a passage by then.
#[derive(Deserialize)]
struct Body {
    query: String,
    texts: Texts,
    #[serde(default)]
    raw_scores: bool,
    #[serde(default)]
    return_text: bool,
}

#[derive(Serialize)]
struct Row {
    index: usize,
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

pub(super) async fn rerank(vecpipe: &Vecpipe, body: &Raw) -> Response {
    let body: Body = match body.json() {
        Ok(body) => body,
        Err(problem) => return Tei(problem).into_response(),
    };
    if body.texts.is_empty() {
        return tei_empty("texts");
    }
    match run(vecpipe, body).await {
        Ok(rows) => axum::Json(rows).into_response(),
        Err(problem) => Tei(problem).into_response(),
    }
}

async fn run(vecpipe: &Vecpipe, body: Body) -> Result<Vec<Row>, Problem> {
    let passages = body.texts.plain("texts")?;
    let kept = body.return_text.then(|| passages.clone());
    let made = vecpipe.rerank(RerankRequest { query: body.query, passages, model: None }).await?;
    let row = |(index, score)| Row {
        index,
        score: if body.raw_scores { logit(score) } else { score },
        text: kept.as_ref().map(|texts| texts[index].clone()),
    };
    Ok(best_first(&made.scores).into_iter().map(row).collect())
}

/// What the model said before it was squeezed between 0 and 1; both ends stay finite.
fn logit(score: f32) -> f32 {
    let score = score.clamp(f32::MIN_POSITIVE, 1.0 - f32::EPSILON);
    (score / (1.0 - score)).ln()
}

#[cfg(test)]
mod tests {
    use super::logit;

    #[test]
    fn raw_scores_are_finite_and_undo_the_squeeze() {
        assert!(logit(0.5).abs() < 1e-6);
        assert!((1.0 / (1.0 + (-logit(0.9)).exp()) - 0.9).abs() < 1e-6);
        assert!(logit(0.0).is_finite() && logit(1.0).is_finite() && logit(0.0) < logit(1.0));
    }
}
