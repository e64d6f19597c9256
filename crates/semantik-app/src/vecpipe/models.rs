//! Where models come from, as the service sees it.

use std::sync::Arc;

use async_trait::async_trait;
use semantik_core::collection::Quantization;
use semantik_inference::local::{ModelState, Models};
use semantik_inference::{Embedder, InferenceError, Reranker};

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

#[async_trait]
impl ModelSource for Models {
    fn embedder(&self, name: &str, quantization: Quantization) -> Result<Arc<dyn Embedder>, InferenceError> {
        Models::embedder(self, name, quantization)
    }

    fn reranker(&self, name: &str, quantization: Quantization) -> Result<Arc<dyn Reranker>, InferenceError> {
        Models::reranker(self, name, quantization)
    }

    async fn load(&self, name: &str, quantization: Quantization) -> Result<ModelState, InferenceError> {
        Models::load(self, name, quantization).await
    }

    fn unload(&self, name: &str) -> usize {
        Models::unload(self, name)
    }

    fn states(&self) -> Vec<ModelState> {
        Models::states(self)
    }
}
