//! What a remote model is asked for, and the limits each provider publishes.

use std::time::Duration;

use semantik_config::{EmbeddingConfig, RerankConfig};
use semantik_core::collection::Quantization;
use semantik_core::{Provider, Secret};

use crate::http::CONNECT_TIMEOUT;
use crate::models::{ModelKind, Prefixes, rule_for};

/// Which end of a text that is too long goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Truncation {
    /// None: such a text is an error that names its place.
    None,
    Start,
    #[default]
    End,
}

/// What the numbers of a rerank server mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scores {
    /// Between 0 and 1 already.
    #[default]
    Probability,
    /// Any number, as llama.cpp answers; brought between 0 and 1 by the logistic function.
    Logit,
}

/// How long one request to the provider may take in all, with its repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Times a request is sent at most.
    pub attempts: u32,
    /// First pause after a failure; each further one is twice as long.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// Waits and requests together, for a batch of passages.
    pub passages: Duration,
    /// The same for a query: somebody is waiting.
    pub query: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(20),
            passages: Duration::from_secs(180),
            query: Duration::from_secs(15),
        }
    }
}

/// A remote model and how to speak to it.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    pub provider: Provider,
    /// What the model is for; errors name the settings of that.
    pub kind: ModelKind,
    /// Where the API begins, for example `http://gpu:8000/v1`; `None` is the provider's own address.
    pub base_url: Option<String>,
    pub api_key: Option<Secret>,
    pub model: String,
    /// Numbers of a vector: asked for where the protocol allows it, demanded everywhere. `None` takes
    /// what comes.
    pub dimensions: Option<usize>,
    /// Most texts of a request; `None` is the provider's usual limit.
    pub batch_size: Option<usize>,
    /// Most tokens of a request, estimated; `None` is the provider's usual limit.
    pub batch_tokens: Option<usize>,
    /// Most tokens of a text; `None` is the provider's usual limit. It shapes chunks and cuts what
    /// is more than twice too long; the rest is the server's to cut.
    pub max_tokens: Option<usize>,
    /// What is written before a text, as the model wants it. A Semantik model service does that itself,
    /// and Cohere is told what a text is for.
    pub prefixes: Prefixes,
    pub truncation: Truncation,
    pub scores: Scores,
    /// What the server computes with; vectors of another one are others.
    pub quantization: Quantization,
    pub connect_timeout: Duration,
    /// One request with its answer.
    pub timeout: Duration,
    pub patience: Patience,
    /// Requests with passages under way at the same time; queries have as many of their own.
    pub in_flight: usize,
}

impl RemoteOptions {
    /// The usual options for `model` of `provider`.
    pub fn new(provider: Provider, model: impl Into<String>) -> Self {
        let model = model.into();
        Self {
            provider,
            kind: ModelKind::Embedding,
            base_url: None,
            api_key: None,
            prefixes: rule_for(&model).map(Prefixes::from).unwrap_or_default(),
            model,
            dimensions: None,
            batch_size: None,
            batch_tokens: None,
            max_tokens: None,
            truncation: Truncation::default(),
            scores: Scores::default(),
            quantization: Quantization::Float32,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: Duration::from_secs(60),
            patience: Patience::default(),
            in_flight: 4,
        }
    }

    /// The options that the settings name.
    pub fn of(provider: Provider, settings: &EmbeddingConfig) -> Self {
        let usual = Self::new(provider, &settings.model);
        Self {
            base_url: settings.api_url.clone(),
            api_key: settings.api_key.clone(),
            dimensions: settings.dimensions,
            prefixes: Prefixes {
                query: settings.query_prefix.clone().unwrap_or(usual.prefixes.query),
                passage: settings.passage_prefix.clone().unwrap_or(usual.prefixes.passage),
            },
            ..usual
        }
    }

    /// The options of the reranker that the settings name. A search can do without its order, so little is
    /// waited for it.
    pub fn of_reranker(provider: Provider, model: &str, settings: &RerankConfig) -> Self {
        let usual = Self::new(provider, model);
        let first_pause = Duration::from_millis(100);
        Self {
            kind: ModelKind::Reranker,
            base_url: settings.api_url.clone(),
            api_key: settings.api_key.clone(),
            patience: Patience { attempts: 2, first_pause, query: Duration::from_secs(4), ..usual.patience },
            ..usual
        }
    }

    /// The same for a first look: somebody waits for it, but a server may have to load its model.
    pub(crate) fn for_probe(&self) -> Self {
        let patience = Patience { attempts: self.patience.attempts.min(3), query: self.timeout, ..self.patience };
        Self { patience, ..self.clone() }
    }

    /// What a request may hold.
    pub(crate) fn limits(&self) -> Limits {
        let usual = Limits::of(self.provider);
        Limits {
            texts: self.batch_size.unwrap_or(usual.texts).clamp(1, most_texts(self.provider)),
            tokens: self.batch_tokens.unwrap_or(usual.tokens).max(1),
            text_tokens: self.max_tokens.unwrap_or(usual.text_tokens).max(8),
        }
    }
}

/// What a request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub texts: usize,
    /// Of all texts together, estimated.
    pub tokens: usize,
    /// Of one text.
    pub text_tokens: usize,
}

impl Limits {
    /// OpenAI takes 2,048 texts and 300,000 tokens, Cohere 96 texts; the others are usual settings of
    /// servers that say no when it is too much.
    fn of(provider: Provider) -> Self {
        match provider {
            Provider::OpenAi => Self { texts: 512, tokens: 250_000, text_tokens: 8191 },
            Provider::Cohere => Self { texts: 96, tokens: 120_000, text_tokens: 512 },
            Provider::Tei => Self { texts: 32, tokens: 16_384, text_tokens: 512 },
            Provider::Ollama => Self { texts: 512, tokens: 120_000, text_tokens: 2048 },
        }
    }
}

/// What the published API refuses to exceed.
fn most_texts(provider: Provider) -> usize {
    match provider {
        Provider::Cohere => 96,
        Provider::OpenAi | Provider::Ollama | Provider::Tei => 2048,
    }
}
