//! text-embeddings-inference: `POST /embed`, `POST /rerank`, `GET /info`, from its OpenAPI document.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::remote::Truncation;
use crate::remote::vectors::ordered;
use crate::remote::wire::{EmbedAsk, Request, RerankAsk, json};

/// What the server tells about itself; only what is used.
#[derive(Debug, Deserialize)]
pub(crate) struct Info {
    pub model_id: String,
    /// One key: `embedding`, `reranker` or `classifier`.
    pub model_type: Map<String, Value>,
    /// Tokens of a text.
    pub max_input_length: usize,
    /// Tokens of a request.
    pub max_batch_tokens: usize,
    /// Texts of a request.
    pub max_client_batch_size: usize,
}

#[derive(Serialize)]
struct EmbedBody<'a> {
    inputs: &'a [&'a str],
    normalize: bool,
    #[serde(flatten)]
    cut: Cut,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_name: Option<&'static str>,
}

#[derive(Serialize)]
struct RerankBody<'a> {
    query: &'a str,
    texts: &'a [&'a str],
    raw_scores: bool,
    return_text: bool,
    #[serde(flatten)]
    cut: Cut,
}

#[derive(Serialize)]
struct Cut {
    truncate: bool,
    /// Older servers know only the end, which is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncation_direction: Option<&'static str>,
}

#[derive(Deserialize)]
struct Rank {
    index: usize,
    score: f32,
}

impl From<Truncation> for Cut {
    fn from(truncation: Truncation) -> Self {
        let truncation_direction = (truncation == Truncation::Start).then_some("Left");
        Self { truncate: truncation != Truncation::None, truncation_direction }
    }
}

pub(super) fn embed(ask: &EmbedAsk<'_>) -> Request {
    let (cut, dimensions) = (ask.truncation.into(), ask.dimensions);
    let prompt_name = ask.is_ours.then(|| ask.purpose.name());
    Request::new("/embed", &EmbedBody { inputs: ask.texts, normalize: true, cut, dimensions, prompt_name })
}

pub(super) fn rerank(ask: &RerankAsk<'_>) -> Request {
    let RerankAsk { query, passages: texts, truncation, .. } = ask;
    let cut = (*truncation).into();
    Request::new("/rerank", &RerankBody { query, texts, raw_scores: false, return_text: false, cut })
}

pub(super) fn scores(body: &[u8], count: usize) -> Result<Vec<f32>, String> {
    ordered(json::<Vec<Rank>>(body)?.into_iter().map(|rank| (rank.index, rank.score)), count)
}
