//! Where models come from, as the service sees it.

use std::sync::Arc;

use async_trait::async_trait;
use semantik_core::collection::Quantization;
use semantik_inference::{Embedder, InferenceError, Reranker};
use serde::Serialize;

/// One model and where it stands.
#[derive(Debug, Clone, Serialize)]
pub struct ModelState {
    pub name: String,
    /// `embedding` or `reranker`.
    pub kind: &'static str,
    pub quantization: Quantization,
    pub dimensions: usize,
    pub max_tokens: usize,
    /// `unloaded`, `loading` or `loaded`.
    pub state: &'static str,
    pub bytes: Option<u64>,
    pub idle_s: Option<u64>,
}

/// Gives out models by name. May read small files, so it is not called in place.
#[async_trait]
pub trait ModelSource: Send + Sync {
    /// An embedding model; its weights come at first use.
    fn embedder(&self, name: &str, quantization: Quantization) -> Result<Arc<dyn Embedder>, InferenceError>;
    /// A reranker; its weights come at first use.
    fn reranker(&self, name: &str, quantization: Quantization) -> Result<Arc<dyn Reranker>, InferenceError>;
    /// Loads a model now.
    async fn load(&self, name: &str, quantization: Quantization) -> Result<ModelState, InferenceError>;
    /// Lets a model go; how many were in memory.
    fn unload(&self, name: &str) -> usize;
    /// Every model asked for so far.
    fn states(&self) -> Vec<ModelState>;
}
