//! Models whose behaviour a test decides, and a service on them.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use semantik_config::Config;
use semantik_core::collection::Quantization;
use semantik_inference::local::{MockEmbedder, MockReranker, ModelState, Residency};
use semantik_inference::{Embedder, InferenceError, ModelInfo, ModelKind, Purpose, Reranker, TokenCounter};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::vecpipe::{ModelSource, Vecpipe};

/// Two models, `mock` and `other`, and `stuck`, whose calls never end.
#[derive(Default)]
pub(super) struct Doubles {
    /// Told when a call to `stuck` begins, and when it is cancelled.
    pub(super) began: Arc<Notify>,
    pub(super) cancelled: Arc<Notify>,
    /// Loading ends when this is told.
    pub(super) gate: Option<Arc<Notify>>,
    /// Nothing can be loaded.
    pub(super) broken: bool,
}

struct Other {
    inner: MockEmbedder,
    info: ModelInfo,
}

struct Stuck {
    inner: MockEmbedder,
    began: Arc<Notify>,
    cancelled: Arc<Notify>,
}

/// Tells when a call's token is cancelled, even when the call's future is gone by then.
fn tell_when_cancelled(cancel: &CancellationToken, told: &Arc<Notify>) {
    let (cancel, told) = (cancel.clone(), Arc::clone(told));
    tokio::spawn(async move {
        cancel.cancelled().await;
        told.notify_one();
    });
}

/// A service whose files lie in `folder`.
pub(super) async fn open(folder: &Path, models: Doubles) -> Vecpipe {
    let mut config = Config { data_dir: folder.to_owned(), ..Config::default() };
    config.embedding.mock = true;
    Vecpipe::open_with(&config, Arc::new(models)).await.expect("a fresh folder opens")
}

#[async_trait]
impl ModelSource for Doubles {
    fn embedder(&self, name: &str, _quantization: Quantization) -> Result<Arc<dyn Embedder>, InferenceError> {
        let inner = MockEmbedder::new();
        match name {
            "mock" => Ok(Arc::new(inner)),
            "other" => {
                let info = ModelInfo { name: "other".into(), hash: "0".repeat(64), ..inner.info().clone() };
                Ok(Arc::new(Other { inner, info }))
            }
            "stuck" => {
                let (began, cancelled) = (Arc::clone(&self.began), Arc::clone(&self.cancelled));
                Ok(Arc::new(Stuck { inner, began, cancelled }))
            }
            _ => Err(InferenceError::NotFound { name: name.into() }),
        }
    }

    fn reranker(&self, _name: &str, _quantization: Quantization) -> Result<Arc<dyn Reranker>, InferenceError> {
        Ok(Arc::new(MockReranker::new()))
    }

    async fn load(&self, name: &str, quantization: Quantization) -> Result<ModelState, InferenceError> {
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        if self.broken {
            return Err(InferenceError::Unavailable("its weights are damaged".into()));
        }
        let state = Residency::Loaded;
        let (name, kind) = (name.to_owned(), ModelKind::Embedding);
        Ok(ModelState { name, kind, quantization, dimensions: 384, max_tokens: 256, state, bytes: None, idle_s: None })
    }

    fn unload(&self, _name: &str) -> usize {
        0
    }

    fn states(&self) -> Vec<ModelState> {
        Vec::new()
    }
}

#[async_trait]
impl Embedder for Other {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.inner.embed(texts, purpose, cancel).await
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        self.inner.tokens()
    }
}

#[async_trait]
impl Embedder for Stuck {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn embed(
        &self,
        _texts: Vec<String>,
        _purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        tell_when_cancelled(cancel, &self.cancelled);
        self.began.notify_one();
        std::future::pending().await
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        self.inner.tokens()
    }
}
