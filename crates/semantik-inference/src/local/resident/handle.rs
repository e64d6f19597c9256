//! Embedders and rerankers whose weights come and go.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant as Moment};

use async_trait::async_trait;
use metrics::{gauge, histogram};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cancel::leave_on;
use crate::local::resident::Shared;
use crate::local::resident::slot::{Engine, Slot};
use crate::local::tokens::words;
use crate::{Embedder, InferenceError, ModelInfo, Purpose, Reranker, TokenCounter};

pub(super) struct ResidentEmbedder {
    pub shared: Arc<Shared>,
    pub slot: Arc<Slot>,
}

pub(super) struct ResidentReranker {
    pub shared: Arc<Shared>,
    pub slot: Arc<Slot>,
}

struct ResidentCounter {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
}

/// An engine in use; the model stays loaded until it is dropped.
pub(super) struct Lease {
    engine: Option<Engine>,
    shared: Arc<Shared>,
    slot: Arc<Slot>,
}

/// A load in progress, which ends even when nobody waits for it any more.
struct Loading {
    slot: Arc<Slot>,
    _one_at_a_time: OwnedMutexGuard<()>,
}

impl Loading {
    fn begin(slot: &Arc<Slot>, one_at_a_time: OwnedMutexGuard<()>) -> Self {
        slot.set_loading(true);
        Self { slot: Arc::clone(slot), _one_at_a_time: one_at_a_time }
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.slot.set_loading(false);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.engine = None;
        self.shared.watch(&self.slot);
        self.shared.freed.notify_waiters();
    }
}

impl Shared {
    /// The engine of `slot`, loaded when it is not.
    ///
    /// # Errors
    /// When it cannot be loaded, or not now.
    pub(super) async fn lease(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<Lease, InferenceError> {
        let lease = |engine| Lease { engine: Some(engine), shared: Arc::clone(self), slot: Arc::clone(slot) };
        if let Some(engine) = slot.engine() {
            return Ok(lease(engine));
        }
        let one_at_a_time = Arc::clone(&self.loading).lock_owned().await;
        if let Some(engine) = slot.engine() {
            return Ok(lease(engine));
        }
        let loading = Loading::begin(slot, one_at_a_time);
        self.make_room(slot.name(), slot.expected_bytes()?).await?;
        let shared = Arc::clone(self);
        tokio::task::spawn_blocking(move || shared.load(&loading.slot))
            .await
            .map_err(|error| InferenceError::Unavailable(error.to_string()))?
            .map(lease)
    }

    fn load(self: &Arc<Self>, slot: &Arc<Slot>) -> Result<Engine, InferenceError> {
        let began = Moment::now();
        let engine = slot.load(self.options.queue_tokens, || self.pool())?;
        // Whoever asked may have left meanwhile; the model is let go all the same.
        self.watch(slot);
        histogram!("semantik_model_load_seconds").record(began.elapsed().as_secs_f64());
        tracing::info!(model = slot.name(), seconds = began.elapsed().as_secs_f64(), "model loaded");
        self.report();
        Ok(engine)
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; sizes stay far below 2^53")]
    fn report(&self) {
        let bytes: Vec<u64> = self.slots().iter().filter_map(|slot| slot.bytes()).collect();
        gauge!("semantik_models_loaded").set(bytes.len() as f64);
        gauge!("semantik_models_bytes").set(bytes.iter().sum::<u64>() as f64);
    }

    /// Notes a use of `slot`, and sees to it that somebody looks for idleness.
    fn watch(self: &Arc<Self>, slot: &Arc<Slot>) {
        let first = slot.touch();
        if let (Some(idle), true) = (self.options.idle, first) {
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(release_when_idle(Arc::downgrade(self), Arc::clone(slot), idle))),
                Err(_) => slot.unwatch(),
            }
        }
    }
}

/// Lets the model go once it has been idle for `idle`, then ends; the next use starts it again.
async fn release_when_idle(shared: Weak<Shared>, slot: Arc<Slot>, idle: Duration) {
    let mut wake = Instant::now() + idle;
    loop {
        tokio::time::sleep_until(wake).await;
        let Some(shared) = shared.upgrade() else { return };
        let due = slot.last_used().map_or(wake, |used| used + idle);
        if due <= Instant::now() && slot.release_at_rest() {
            slot.unwatch();
            shared.freed.notify_waiters();
            shared.report();
            return;
        }
        wake = due.max(Instant::now() + idle / 4);
    }
}

#[async_trait]
impl Embedder for ResidentEmbedder {
    fn info(&self) -> &ModelInfo {
        &self.slot.info
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let lease = leave_on(cancel, self.shared.lease(&self.slot)).await?;
        match &lease.engine {
            Some(Engine::Embedder(engine, _)) => engine.embed(texts, purpose, cancel).await,
            _ => Err(InferenceError::Unavailable("the slot of an embedder holds another engine".into())),
        }
    }

    fn variant(&self) -> &str {
        self.slot.variant()
    }

    fn device(&self) -> Option<String> {
        Some(self.slot.device())
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::new(ResidentCounter { shared: Arc::clone(&self.shared), slot: Arc::clone(&self.slot) })
    }
}

#[async_trait]
impl Reranker for ResidentReranker {
    fn info(&self) -> &ModelInfo {
        &self.slot.info
    }

    async fn rerank(
        &self,
        query: String,
        passages: Vec<String>,
        cancel: &CancellationToken,
    ) -> Result<Vec<f32>, InferenceError> {
        let lease = leave_on(cancel, self.shared.lease(&self.slot)).await?;
        match &lease.engine {
            Some(Engine::Reranker(engine, _)) => engine.rerank(query, passages, cancel).await,
            _ => Err(InferenceError::Unavailable("the slot of a reranker holds another engine".into())),
        }
    }
}

impl TokenCounter for ResidentCounter {
    fn around(&self) -> usize {
        self.slot.tokenizer().map_or(0, |tokenizer| tokenizer.around())
    }

    fn spans(&self, text: &str) -> Vec<(usize, usize)> {
        let tokenizer = self.slot.tokenizer();
        self.shared.watch(&self.slot);
        match tokenizer {
            Ok(tokenizer) => tokenizer.spans(text),
            Err(error) => {
                // Embedding meets the same error and reports it; chunks only need some measure.
                tracing::error!(%error, "the tokenizer cannot be loaded; words are counted instead");
                words(text).collect()
            }
        }
    }
}
