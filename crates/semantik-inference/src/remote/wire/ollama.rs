//! Ollama's own API: `POST /api/embed`. It cuts texts at the end, or not at all.

use serde::{Deserialize, Serialize};

use crate::remote::Truncation;
use crate::remote::wire::{EmbedAsk, Request, json};

#[derive(Serialize)]
struct EmbedBody<'a> {
    model: &'a str,
    input: &'a [&'a str],
    truncate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
struct EmbedAnswer {
    embeddings: Vec<Vec<f32>>,
}

pub(super) fn embed(ask: &EmbedAsk<'_>) -> Request {
    let truncate = ask.truncation == Truncation::End;
    let body = EmbedBody { model: ask.model, input: ask.texts, truncate, dimensions: ask.dimensions };
    Request::new("/api/embed", &body)
}

pub(super) fn vectors(body: &[u8]) -> Result<Vec<Vec<f32>>, String> {
    Ok(json::<EmbedAnswer>(body)?.embeddings)
}
