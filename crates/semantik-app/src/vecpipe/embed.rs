//! Texts become vectors.

use std::sync::Arc;

use semantik_core::ErrorCode;
use semantik_core::collection::Quantization;
use semantik_inference::{Embedder, ModelInfo, Purpose, TokenCounter};
use tokio_util::sync::CancellationToken;

use super::{TEXTS, Vecpipe};
use crate::AppError;

/// Bytes read for each token a model takes, before it is known how many tokens a text has.
const BYTES_PER_TOKEN: usize = 16;

/// What to do with a text that is longer than the model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLong {
    /// The end is cut off.
    Cut,
    Refuse,
}

/// Texts to embed.
#[derive(Debug, Clone)]
pub struct EmbedRequest {
    /// At least one, at most [`TEXTS`]; empty ones are allowed.
    pub texts: Vec<String>,
    /// Catalogue name or `org/model`; `None`, an empty text or `default` mean the configured one.
    pub model: Option<String>,
    pub quantization: Option<Quantization>,
    pub purpose: Purpose,
    /// Fewer numbers a vector, for models that were trained for it (Matryoshka).
    pub dimensions: Option<usize>,
    pub too_long: TooLong,
    /// Whether to count the tokens.
    pub count: bool,
}

/// Vectors of unit length, in the order of the texts.
#[derive(Debug, Clone)]
pub struct Embedded {
    pub vectors: Vec<Vec<f32>>,
    pub model: ModelInfo,
    /// Tokens the model read, where they were counted.
    pub tokens: Option<usize>,
}

impl EmbedRequest {
    /// Passages for the default model; what is too long is cut.
    pub fn new(texts: Vec<String>) -> Self {
        Self {
            texts,
            model: None,
            quantization: None,
            purpose: Purpose::Passage,
            dimensions: None,
            too_long: TooLong::Cut,
            count: false,
        }
    }
}

impl Vecpipe {
    /// Embeds texts. Dropping the future frees what was queued and running for it.
    ///
    /// # Errors
    /// `invalid_request`, `request_too_large`, `not_found` for an unknown model, `overloaded`.
    pub async fn embed(&self, request: EmbedRequest) -> Result<Embedded, AppError> {
        check_count(request.texts.len(), TEXTS, "texts")?;
        let embedder = self.embedder(request.model.as_deref(), request.quantization).await?;
        let model = embedder.info().clone();
        if let Some(wanted) = request.dimensions.filter(|wanted| !(1..=model.dimensions).contains(wanted)) {
            return Err(AppError::invalid(format!(
                "dimensions is {wanted}, but vectors of {} have {} numbers",
                model.name, model.dimensions
            )));
        }
        let mut texts = request.texts;
        let mut tokens = None;
        if request.count || request.too_long == TooLong::Refuse {
            let counts;
            (texts, counts) = count_tokens(&embedder, texts).await?;
            if request.too_long == TooLong::Refuse
                && let Some(at) = counts.iter().position(|count| *count > model.max_tokens)
            {
                return Err(too_many_tokens(at, model.max_tokens));
            }
            tokens = Some(counts.into_iter().map(|count| count.min(model.max_tokens)).sum());
        }
        let mut vectors = self.run_embedder(&*embedder, texts, request.purpose).await?;
        if let Some(dimensions) = request.dimensions.filter(|wanted| *wanted < model.dimensions) {
            vectors.iter_mut().for_each(|vector| shorten(vector, dimensions));
        }
        Ok(Embedded { vectors, model, tokens })
    }

    /// One call to a model, counted while it runs and cancelled when nobody waits any more.
    pub(super) async fn run_embedder(
        &self,
        embedder: &dyn Embedder,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> Result<Vec<Vec<f32>>, AppError> {
        let _call = self.in_flight().begin();
        let cancel = CancellationToken::new();
        let _cancel_on_drop = cancel.clone().drop_guard();
        Ok(embedder.embed(texts, purpose, &cancel).await?)
    }
}

/// Refuses no items, and more than `most`.
pub(super) fn check_count(count: usize, most: usize, what: &str) -> Result<(), AppError> {
    match count {
        0 => Err(AppError::invalid(format!("there are no {what}; send at least one"))),
        _ if count > most => Err(AppError::Refused {
            code: ErrorCode::RequestTooLarge,
            message: format!("a request takes at most {most} {what}, this one has {count}"),
            hint: Some(format!("send them in several requests of at most {most}")),
        }),
        _ => Ok(()),
    }
}

fn too_many_tokens(at: usize, max_tokens: usize) -> AppError {
    AppError::Refused {
        code: ErrorCode::RequestTooLarge,
        message: format!("text {at} must have less than {} tokens", max_tokens + 1),
        hint: Some("shorten it, or send `\"truncate\": true` to have the end cut off".into()),
    }
}

/// How many tokens the model sees of each text, special ones included. Counting stops soon after
/// `max_tokens`, so that a long text costs little.
async fn count_tokens(embedder: &Arc<dyn Embedder>, texts: Vec<String>) -> Result<(Vec<String>, Vec<usize>), AppError> {
    let (counter, max_tokens) = (embedder.tokens(), embedder.info().max_tokens);
    // The tokenizer may have to be read first, so this never runs in place.
    tokio::task::spawn_blocking(move || {
        let counts = texts.iter().map(|text| tokens_of(&*counter, text, max_tokens)).collect();
        (texts, counts)
    })
    .await
    .map_err(|error| AppError::Internal(format!("counting tokens failed: {error}")))
}

fn tokens_of(counter: &dyn TokenCounter, text: &str, max_tokens: usize) -> usize {
    let mut end = max_tokens.saturating_mul(BYTES_PER_TOKEN);
    loop {
        end = text.floor_char_boundary(end);
        let count = counter.spans(&text[..end]).len() + counter.around();
        // The last token may be half a word.
        if end == text.len() || count > max_tokens + 1 {
            return count;
        }
        end = end.saturating_mul(4);
    }
}

/// The first `dimensions` numbers, at unit length again.
fn shorten(vector: &mut Vec<f32>, dimensions: usize) {
    vector.truncate(dimensions);
    vector.shrink_to_fit();
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "numbers of at most unit length")]
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
}
