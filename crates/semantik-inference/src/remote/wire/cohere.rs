//! Cohere's version 2: `POST /v2/embed` and `POST /v2/rerank`, whose answer is that of the others.

use serde::{Deserialize, Serialize};

use crate::Purpose;
use crate::remote::Truncation;
use crate::remote::wire::{EmbedAsk, Request, RerankAsk, json};

#[derive(Serialize)]
struct EmbedBody<'a> {
    model: &'a str,
    texts: &'a [&'a str],
    input_type: &'static str,
    embedding_types: [&'static str; 1],
    truncate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<usize>,
}

#[derive(Deserialize)]
struct EmbedAnswer {
    embeddings: ByType,
}

#[derive(Deserialize)]
struct ByType {
    float: Vec<Vec<f32>>,
}

#[derive(Serialize)]
struct RerankBody<'a> {
    model: &'a str,
    query: &'a str,
    documents: &'a [&'a str],
    top_n: usize,
}

pub(super) fn embed(ask: &EmbedAsk<'_>) -> Request {
    let body = EmbedBody {
        model: ask.model,
        texts: ask.texts,
        input_type: match ask.purpose {
            Purpose::Query => "search_query",
            Purpose::Passage => "search_document",
        },
        embedding_types: ["float"],
        truncate: match ask.truncation {
            Truncation::None => "NONE",
            Truncation::Start => "START",
            Truncation::End => "END",
        },
        output_dimension: ask.dimensions,
    };
    Request::new("/v2/embed", &body)
}

pub(super) fn vectors(body: &[u8]) -> Result<Vec<Vec<f32>>, String> {
    Ok(json::<EmbedAnswer>(body)?.embeddings.float)
}

pub(super) fn rerank(ask: &RerankAsk<'_>) -> Request {
    let RerankAsk { model, query, passages: documents, .. } = ask;
    Request::new("/v2/rerank", &RerankBody { model, query, documents, top_n: documents.len() })
}
