//! A model that is loaded when first needed and let go when idle.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::local::engine::{LocalEmbedder, LocalOptions, describe, read_embedder};
use crate::local::settings::Settings;
use crate::local::tokens::{ModelTokenizer, words};
use crate::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};

/// An embedder that knows its [`ModelInfo`] at once and holds weights and tokenizer only while in
/// use.
pub struct LazyEmbedder {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    info: ModelInfo,
    settings: Settings,
    threads: usize,
    idle: Option<Duration>,
    loaded: Mutex<Loaded>,
    /// Held while loading, so that two callers load once.
    loading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Loaded {
    engine: Option<Arc<LocalEmbedder>>,
    tokenizer: Option<Arc<ModelTokenizer>>,
    last_used: Option<Instant>,
    watched: bool,
}

struct LazyCounter {
    shared: Arc<Shared>,
}

impl LazyEmbedder {
    /// Reads what `folder` says of itself. `idle` is how long an unused model stays loaded; `None`
    /// keeps it for good.
    ///
    /// # Errors
    /// [`InferenceError::Invalid`] that says what is wrong with the folder.
    pub fn open(
        folder: &Path,
        name: &str,
        options: LocalOptions,
        idle: Option<Duration>,
    ) -> Result<Self, InferenceError> {
        let settings = read_embedder(folder)?;
        let info = describe(folder, name, options.quantization, &settings)?;
        let (folder, loaded, loading) = (folder.to_owned(), Mutex::default(), tokio::sync::Mutex::default());
        Ok(Self {
            shared: Arc::new(Shared { folder, info, settings, threads: options.threads, idle, loaded, loading }),
        })
    }

    /// Whether the weights are in memory now.
    pub fn is_loaded(&self) -> bool {
        self.shared.state().engine.is_some()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tokenizer(&self) -> Result<Arc<ModelTokenizer>, InferenceError> {
        let mut state = self.state();
        state.last_used = Some(Instant::now());
        if let Some(tokenizer) = &state.tokenizer {
            return Ok(Arc::clone(tokenizer));
        }
        // Loaded under the lock: it takes a tenth of a second, and a second caller wants it too.
        let tokenizer = Arc::new(ModelTokenizer::load(&self.folder, &self.settings)?);
        state.tokenizer = Some(Arc::clone(&tokenizer));
        Ok(tokenizer)
    }

    async fn engine(self: &Arc<Self>) -> Result<Arc<LocalEmbedder>, InferenceError> {
        let _one_at_a_time = self.loading.lock().await;
        if let Some(engine) = &self.state().engine {
            return Ok(Arc::clone(engine));
        }
        let shared = Arc::clone(self);
        let load = move || {
            let tokenizer = shared.tokenizer()?;
            LocalEmbedder::load(&shared.folder, shared.info.clone(), shared.settings.clone(), tokenizer, shared.threads)
                .map(Arc::new)
        };
        let engine = tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| InferenceError::Unavailable(error.to_string()))??;
        self.state().engine = Some(Arc::clone(&engine));
        Ok(engine)
    }

    /// Notes a use, and sees to it that somebody looks for idleness.
    fn touch(self: &Arc<Self>) {
        let mut state = self.state();
        state.last_used = Some(Instant::now());
        if let (Some(idle), false) = (self.idle, state.watched)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            state.watched = true;
            runtime.spawn(watch(Arc::downgrade(self), idle));
        }
    }
}

/// Lets the model go once it has been idle for `idle`, then ends; the next use starts it again.
async fn watch(shared: Weak<Shared>, idle: Duration) {
    let mut wake = Instant::now() + idle;
    loop {
        tokio::time::sleep_until(wake).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut state = shared.state();
        let due = state.last_used.map_or(wake, |used| used + idle);
        // A call in flight holds the engine too and counts as use.
        let busy = state.engine.as_ref().is_some_and(|engine| Arc::strong_count(engine) > 1);
        if due <= Instant::now() && !busy {
            *state = Loaded::default();
            return;
        }
        wake = due.max(Instant::now() + idle / 4);
    }
}

#[async_trait]
impl Embedder for LazyEmbedder {
    fn info(&self) -> &ModelInfo {
        &self.shared.info
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let engine = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(InferenceError::Cancelled),
            engine = self.shared.engine() => engine?,
        };
        let vectors = engine.embed(texts, purpose, cancel).await;
        self.shared.touch();
        vectors
    }

    fn variant(&self) -> &str {
        &self.shared.settings.variant
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::new(LazyCounter { shared: Arc::clone(&self.shared) })
    }
}

impl TokenCounter for LazyCounter {
    fn spans(&self, text: &str) -> Vec<(usize, usize)> {
        let tokenizer = self.shared.tokenizer();
        self.shared.touch();
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
