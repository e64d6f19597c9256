//! One model that may be in memory.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use semantik_core::collection::Quantization;
use tokio::time::Instant;

use crate::local::engine::{LocalEmbedder, describe, read_embedder};
use crate::local::pool::Pool;
use crate::local::rerank::{LocalReranker, read_reranker};
use crate::local::resident::{ModelState, Residency};
use crate::local::settings::Settings;
use crate::local::shards::weight_files;
use crate::local::tokens::ModelTokenizer;
use crate::{InferenceError, ModelInfo, ModelKind};

/// What is known of a model, and what is loaded of it.
pub(super) struct Slot {
    folder: PathBuf,
    kind: ModelKind,
    pub info: ModelInfo,
    settings: Settings,
    held: Mutex<Held>,
}

/// The computing half of a model.
#[derive(Clone)]
pub(super) enum Engine {
    Embedder(Arc<LocalEmbedder>),
    Reranker(Arc<LocalReranker>),
}

#[derive(Default)]
struct Held {
    engine: Option<Engine>,
    tokenizer: Option<Arc<ModelTokenizer>>,
    loading: bool,
    last_used: Option<Instant>,
    /// Somebody looks for idleness.
    watched: bool,
}

impl Slot {
    /// Reads the small files of `folder`.
    ///
    /// # Errors
    /// [`InferenceError::Invalid`] that says what is wrong with the folder.
    pub fn read(
        folder: PathBuf,
        name: &str,
        kind: ModelKind,
        quantization: Quantization,
    ) -> Result<Self, InferenceError> {
        let (settings, dimensions) = match kind {
            ModelKind::Embedding => (read_embedder(&folder)?, None),
            ModelKind::Reranker => (read_reranker(&folder)?, Some(1)),
        };
        let info = describe(&folder, name, quantization, &settings)?;
        let info = ModelInfo { dimensions: dimensions.unwrap_or(info.dimensions), ..info };
        Ok(Self { folder, kind, info, settings, held: Mutex::default() })
    }

    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// What else decides the bits of a result.
    pub fn variant(&self) -> &str {
        &self.settings.variant
    }

    pub fn kind(&self) -> ModelKind {
        self.kind
    }

    pub fn is(&self, name: &str, kind: ModelKind, quantization: Quantization) -> bool {
        self.info.name == name && self.kind == kind && self.info.quantization == quantization
    }

    /// Bytes the weights are expected to take: those of the file, which packing rarely exceeds.
    pub fn expected_bytes(&self) -> Result<u64, InferenceError> {
        let sizes = weight_files(&self.folder)?
            .into_iter()
            .filter_map(|file| std::fs::metadata(self.folder.join(file)).ok().map(|meta| meta.len()));
        let file: u64 = sizes.sum();
        Ok(match self.info.quantization {
            Quantization::Float32 => file,
            Quantization::Float16 => file * 6 / 10,
            Quantization::Int8 => file * 4 / 10,
        })
    }

    /// Loads the weights.
    ///
    /// # Errors
    /// When a file cannot be used, or is not the one it was.
    pub fn load(&self, pool: Arc<Pool>) -> Result<Engine, InferenceError> {
        let (folder, info) = (&self.folder, self.info.clone());
        let engine = match self.kind {
            ModelKind::Embedding => {
                let tokenizer = self.tokenizer()?;
                let embedder = LocalEmbedder::load(folder, info, self.settings.clone(), tokenizer, pool)?;
                Engine::Embedder(Arc::new(embedder))
            }
            ModelKind::Reranker => Engine::Reranker(Arc::new(LocalReranker::load(folder, info, &self.settings, pool)?)),
        };
        self.held().engine = Some(engine.clone());
        Ok(engine)
    }

    pub fn tokenizer(&self) -> Result<Arc<ModelTokenizer>, InferenceError> {
        let mut held = self.held();
        held.last_used = Some(Instant::now());
        if let Some(tokenizer) = &held.tokenizer {
            return Ok(Arc::clone(tokenizer));
        }
        // Loaded under the lock: it takes a tenth of a second, and a second caller wants it too.
        let tokenizer = Arc::new(ModelTokenizer::load(&self.folder, &self.settings)?);
        held.tokenizer = Some(Arc::clone(&tokenizer));
        Ok(tokenizer)
    }

    /// The loaded engine, which counts as used now.
    pub fn engine(&self) -> Option<Engine> {
        let mut held = self.held();
        held.last_used = Some(Instant::now());
        held.engine.clone()
    }

    pub fn set_loading(&self, loading: bool) {
        self.held().loading = loading;
    }

    /// Bytes of the weights while they are loaded.
    pub fn bytes(&self) -> Option<u64> {
        self.held().engine.as_ref().map(Engine::bytes)
    }

    pub fn last_used(&self) -> Option<Instant> {
        self.held().last_used
    }

    /// Lets the model go; whether it was loaded.
    pub fn release(&self) -> bool {
        let mut held = self.held();
        held.tokenizer = None;
        held.engine.take().is_some()
    }

    /// The same unless it is at work.
    pub fn release_at_rest(&self) -> bool {
        let mut held = self.held();
        // Work in flight holds the engine too.
        if !held.engine.as_ref().is_some_and(Engine::rests) {
            return false;
        }
        held.tokenizer = None;
        held.engine = None;
        true
    }

    /// Notes a use; whether somebody has to start looking for idleness.
    pub fn touch(&self) -> bool {
        let mut held = self.held();
        held.last_used = Some(Instant::now());
        !std::mem::replace(&mut held.watched, true)
    }

    /// Nobody looks for idleness any more.
    pub fn unwatch(&self) {
        self.held().watched = false;
    }

    pub fn state(&self) -> ModelState {
        let held = self.held();
        let state = match (&held.engine, held.loading) {
            (Some(_), _) => Residency::Loaded,
            (None, true) => Residency::Loading,
            (None, false) => Residency::Unloaded,
        };
        ModelState {
            name: self.info.name.clone(),
            kind: self.kind,
            quantization: self.info.quantization,
            dimensions: self.info.dimensions,
            max_tokens: self.info.max_tokens,
            state,
            bytes: held.engine.as_ref().map(Engine::bytes),
            idle_s: held.last_used.map(|used| used.elapsed().as_secs()),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Embedder(engine) => engine.bytes(),
            Self::Reranker(engine) => engine.bytes(),
        };
        bytes as u64
    }

    /// Whether only its slot holds it.
    fn rests(&self) -> bool {
        match self {
            Self::Embedder(engine) => Arc::strong_count(engine) == 1,
            Self::Reranker(engine) => Arc::strong_count(engine) == 1,
        }
    }
}
