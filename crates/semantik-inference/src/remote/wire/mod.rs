//! What each provider is sent and answers, as published; pure, and blind to how it travels.

mod cohere;
mod ollama;
mod openai;
mod tei;

use bytes::Bytes;
use semantik_core::Provider;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Purpose;
use crate::remote::Truncation;
pub(crate) use tei::Info;

/// Where the server tells about itself, for providers that do.
pub(crate) const INFO: &str = "/info";

/// A request for vectors.
#[derive(Debug)]
pub(crate) struct EmbedAsk<'a> {
    pub model: &'a str,
    pub texts: &'a [&'a str],
    pub purpose: Purpose,
    pub truncation: Truncation,
    /// Left out when the server decides.
    pub dimensions: Option<usize>,
    /// Vectors as base64 where the protocol knows that; a third of the bytes.
    pub base64: bool,
    /// The server is a Semantik model service, which is told what the texts are for.
    pub is_ours: bool,
}

/// A request for scores.
#[derive(Debug)]
pub(crate) struct RerankAsk<'a> {
    pub model: &'a str,
    pub query: &'a str,
    pub passages: &'a [&'a str],
    pub truncation: Truncation,
}

/// A path below the base address and the JSON that goes there.
#[derive(Debug)]
pub(crate) struct Request {
    pub path: &'static str,
    pub body: Bytes,
}

impl Request {
    fn new(path: &'static str, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("texts and numbers are always JSON");
        Self { path, body: body.into() }
    }
}

/// The request for vectors.
pub(crate) fn embed(provider: Provider, ask: &EmbedAsk<'_>) -> Request {
    match provider {
        Provider::OpenAi => openai::embed(ask),
        Provider::Cohere => cohere::embed(ask),
        Provider::Tei => tei::embed(ask),
        Provider::Ollama => ollama::embed(ask),
    }
}

/// The vectors of an answer for `count` texts, in their order.
///
/// # Errors
/// Where the answer differs from the protocol; never with its text.
pub(crate) fn vectors(provider: Provider, body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, String> {
    match provider {
        Provider::OpenAi => openai::vectors(body, count),
        Provider::Cohere => cohere::vectors(body),
        Provider::Tei => json(body),
        Provider::Ollama => ollama::vectors(body),
    }
}

/// The request for scores; `None` when the provider has none.
pub(crate) fn rerank(provider: Provider, ask: &RerankAsk<'_>) -> Option<Request> {
    match provider {
        Provider::OpenAi => Some(openai::rerank(ask)),
        Provider::Cohere => Some(cohere::rerank(ask)),
        Provider::Tei => Some(tei::rerank(ask)),
        Provider::Ollama => None,
    }
}

/// The scores of an answer for `count` passages, in their order.
///
/// # Errors
/// As [`vectors`].
pub(crate) fn scores(provider: Provider, body: &[u8], count: usize) -> Result<Vec<f32>, String> {
    match provider {
        Provider::OpenAi | Provider::Cohere => openai::scores(body, count),
        Provider::Tei => tei::scores(body, count),
        Provider::Ollama => Err("ollama gives no scores".into()),
    }
}

/// What a text-embeddings-inference server tells about itself.
///
/// # Errors
/// As [`vectors`].
pub(crate) fn info(body: &[u8]) -> Result<Info, String> {
    json(body)
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_data() { "JSON of another shape than the protocol's" } else { "broken JSON" };
        format!("{what} (line {}, column {})", error.line(), error.column())
    })
}
