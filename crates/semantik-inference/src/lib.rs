//! Text in, vectors or scores out.
//!
//! Invariants every engine keeps: a vector has unit length, never depends on the other texts of the
//! call, and comes back in the order asked. This crate knows nothing of documents.

pub mod cache;
mod cancel;
pub mod cuda;
mod error;
mod http;
pub mod local;
pub mod models;
mod queue;
pub mod remote;

use std::sync::Arc;

use async_trait::async_trait;
use semantik_core::Fingerprint;
use semantik_core::collection::Quantization;
use tokio_util::sync::CancellationToken;

pub use error::InferenceError;
pub use models::ModelKind;

/// What a model is and takes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ModelInfo {
    /// Catalogue name, for example `sentence-transformers/all-MiniLM-L6-v2`.
    pub name: String,
    /// SHA-256 of the weights file, lower-case hex; of a remote model, of what names it there.
    pub hash: String,
    /// What it computes with; vectors of another quantization are others.
    pub quantization: Quantization,
    /// How a passage becomes a vector beside that ([`Fingerprint::recipe`]).
    pub recipe: String,
    pub dimensions: usize,
    /// Most tokens of a text, special ones included; the rest is cut off.
    pub max_tokens: usize,
}

impl ModelInfo {
    /// What its vectors have in common.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint { hash: self.hash.clone(), quantization: self.quantization, recipe: self.recipe.clone() }
    }
}

/// What a text is for; some models want a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    Query,
    Passage,
}

impl Purpose {
    /// `query` or `passage`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Passage => "passage",
        }
    }
}

/// Makes vectors of texts.
#[async_trait]
pub trait Embedder: Send + Sync {
    fn info(&self) -> &ModelInfo;
    /// The same once it is certain which model answers: a remote one may have to be asked first.
    ///
    /// # Errors
    /// What the asking met.
    async fn identify(&self) -> Result<&ModelInfo, InferenceError> {
        Ok(self.info())
    }
    /// One unit vector per text, in order. Queries overtake passages of other calls. Empty texts
    /// are allowed. Stops within a second of `cancel`.
    ///
    /// # Errors
    /// [`InferenceError::Cancelled`], or what the engine met.
    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError>;
    /// What decides the bits of a vector beside [`Self::info`], purpose and text, such as the prompts
    /// and the instruction set. A cache takes no vector that another variant made.
    fn variant(&self) -> &str {
        ""
    }
    /// What computes, in one line; `None` when that is not known, as of a remote model.
    fn device(&self) -> Option<String> {
        None
    }
    /// Counts tokens of the model for chunking; cheap to clone.
    fn tokens(&self) -> Arc<dyn TokenCounter>;
}

/// Says how well passages answer a query.
///
/// Invariants every engine keeps: a score lies between 0 and 1, a higher one is better, and it
/// never depends on the other passages of the call.
#[async_trait]
pub trait Reranker: Send + Sync {
    /// The model; its `dimensions` are 1.
    fn info(&self) -> &ModelInfo;
    /// One score per passage, in order. Too long pairs are cut. Empty texts are allowed. Stops
    /// within a second of `cancel`.
    ///
    /// # Errors
    /// [`InferenceError::Cancelled`], or what the engine met.
    async fn rerank(
        &self,
        query: String,
        passages: Vec<String>,
        cancel: &CancellationToken,
    ) -> Result<Vec<f32>, InferenceError>;
}

/// Where the tokens of a text lie.
pub trait TokenCounter: Send + Sync {
    /// Byte span of every token (special tokens left out), in order.
    fn spans(&self, text: &str) -> Vec<(usize, usize)>;
    /// Special tokens the model wants around every text.
    fn around(&self) -> usize {
        0
    }
}
