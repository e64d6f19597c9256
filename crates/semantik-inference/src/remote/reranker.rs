//! Scores from a remote model.

use async_trait::async_trait;
use semantik_core::Provider;
use tokio_util::sync::CancellationToken;

use crate::cancel::leave_on;
use crate::remote::address::Address;
use crate::remote::complaint::Complaint;
use crate::remote::embedder::info;
use crate::remote::exchange::Exchange;
use crate::remote::service::{Question, Reader, Service};
use crate::remote::vectors::Unusable;
use crate::remote::wire::{Request, RerankAsk};
use crate::remote::{RemoteOptions, Scores, Truncation, open, wire};
use crate::{InferenceError, ModelInfo, ModelKind, Purpose, Reranker};

/// Bytes of an answer beside the passages it may repeat.
const FRAME_BYTES: usize = 1024 * 1024;

/// A reranker behind an HTTP API.
pub struct RemoteReranker {
    info: ModelInfo,
    service: Service,
    wants: Wants,
}

struct Wants {
    provider: Provider,
    model: String,
    truncation: Truncation,
    scores: Scores,
}

impl RemoteReranker {
    /// Connects: scores one pair, so that a wrong address, key or model is told now.
    ///
    /// # Errors
    /// What is wrong, and what to set.
    pub async fn connect(options: RemoteOptions) -> Result<Self, InferenceError> {
        let mut options = RemoteOptions { kind: ModelKind::Reranker, ..options };
        let address = open::address(&options)?;
        let exchange = Exchange::new(&options, address.clone())?;
        let first = Service::new(&options.for_probe(), exchange.clone());
        if options.provider == Provider::Tei {
            open::learn(&mut options, &first).await?;
        }
        let made = Self::with(options, &address, exchange)?;
        let question = Relevance { wants: &made.wants, query: "semantik" };
        first.ask(&question, &["semantik".to_owned()]).await?;
        Ok(made)
    }

    /// The same without asking the server, for a start while it is down.
    ///
    /// # Errors
    /// [`InferenceError::Settings`].
    pub fn new_unchecked(options: RemoteOptions) -> Result<Self, InferenceError> {
        let options = RemoteOptions { kind: ModelKind::Reranker, ..options };
        let address = open::address(&options)?;
        let exchange = Exchange::new(&options, address.clone())?;
        Self::with(options, &address, exchange)
    }

    fn with(options: RemoteOptions, address: &Address, exchange: Exchange) -> Result<Self, InferenceError> {
        if options.provider == Provider::Ollama {
            return Err(InferenceError::Settings("ollama has no reranker; choose openai, cohere or tei".into()));
        }
        let info = info(&options, address, 1);
        let service = Service::new(&options, exchange);
        let RemoteOptions { provider, truncation, scores, .. } = options;
        Ok(Self { info, service, wants: Wants { provider, model: options.model, truncation, scores } })
    }
}

#[async_trait]
impl Reranker for RemoteReranker {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn rerank(
        &self,
        query: String,
        passages: Vec<String>,
        cancel: &CancellationToken,
    ) -> Result<Vec<f32>, InferenceError> {
        let question = Relevance { wants: &self.wants, query: if query.trim().is_empty() { "." } else { &query } };
        leave_on(cancel, self.service.ask(&question, &passages)).await
    }
}

/// "How well does each text answer the query?"
struct Relevance<'a> {
    wants: &'a Wants,
    query: &'a str,
}

impl Question for Relevance<'_> {
    type Answer = f32;
    type Form = ();

    fn purpose(&self) -> Purpose {
        Purpose::Query
    }

    fn form(&self) {}

    fn request(&self, texts: &[&str], (): &()) -> Request {
        let Wants { provider, model, truncation, .. } = self.wants;
        let ask = RerankAsk { model, query: self.query, passages: texts, truncation: *truncation };
        wire::rerank(*provider, &ask).expect("providers without scores are refused when the reranker is made")
    }

    fn relax(&self, (): &(), _refusal: &Complaint) -> bool {
        false
    }

    fn most_bytes(&self, texts: &[&str]) -> usize {
        texts.iter().map(|text| text.len().saturating_mul(6)).sum::<usize>().saturating_add(FRAME_BYTES)
    }

    fn reader(&self, count: usize) -> Reader<f32> {
        let Wants { provider, scores, .. } = *self.wants;
        Box::new(move |body| {
            let raw = wire::scores(provider, body, count)?;
            raw.into_iter().map(|score| between(score, scores)).collect()
        })
    }
}

/// A score between 0 and 1.
fn between(score: f32, scores: Scores) -> Result<f32, Unusable> {
    match scores {
        Scores::Logit if score.is_finite() => Ok(1.0 / (1.0 + (-score).exp())),
        Scores::Probability if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err(Unusable::Shape(format!("a score of {score}, which lies not between 0 and 1"))),
    }
}
