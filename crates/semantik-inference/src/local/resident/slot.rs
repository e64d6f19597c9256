//! One model that may be in memory.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use semantik_core::collection::Quantization;
use tokio::time::Instant;

use crate::cuda::{self, Gpu, Place};
use crate::local::engine::{LocalEmbedder, describe, read_embedder};
use crate::local::pool::Pool;
use crate::local::rerank::{LocalReranker, read_reranker};
use crate::local::resident::seat::Seat;
use crate::local::resident::{ModelState, Residency};
use crate::local::settings::Settings;
use crate::local::shards::weight_files;
use crate::local::tokens::ModelTokenizer;
use crate::{Embedder, InferenceError, ModelInfo, ModelKind, Reranker};

/// What is known of a model, and what is loaded of it.
pub(super) struct Slot {
    folder: PathBuf,
    kind: ModelKind,
    pub info: ModelInfo,
    settings: Settings,
    seat: Seat,
    held: Mutex<Held>,
}

/// The computing half of a model, and the bytes of its weights.
#[derive(Clone)]
pub(super) enum Engine {
    Embedder(Arc<dyn Embedder>, u64),
    Reranker(Arc<dyn Reranker>, u64),
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
    /// Reads the small files of `folder`, for a model that is computed at `place`.
    ///
    /// # Errors
    /// [`InferenceError::Invalid`] that says what is wrong with the folder, or that `place` is a card
    /// which is required and does not compute the model.
    pub fn read(
        folder: PathBuf,
        name: &str,
        kind: ModelKind,
        quantization: Quantization,
        place: Place,
    ) -> Result<Self, InferenceError> {
        let (settings, dimensions) = match kind {
            ModelKind::Embedding => (read_embedder(&folder)?, None),
            ModelKind::Reranker => (read_reranker(&folder)?, Some(1)),
        };
        let info = describe(&folder, name, quantization, &settings)?;
        let info = ModelInfo { dimensions: dimensions.unwrap_or(info.dimensions), ..info };
        let seat = Seat::new(place, &folder, &settings)?;
        Ok(Self { folder, kind, info, settings, seat, held: Mutex::default() })
    }

    pub fn name(&self) -> &str {
        &self.info.name
    }

    /// What else decides the bits of a result.
    pub fn variant(&self) -> &str {
        self.seat.variant().unwrap_or(&self.settings.variant)
    }

    /// What computes it, in one line.
    pub fn device(&self) -> String {
        self.seat.describe()
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

    /// Loads the weights onto the card, where `most_waiting` tokens of a purpose may wait, or else for
    /// the workers of `pool`.
    ///
    /// # Errors
    /// When a file cannot be used, or is not the one it was.
    pub fn load(
        &self,
        most_waiting: usize,
        pool: impl FnOnce() -> Result<Arc<Pool>, InferenceError>,
    ) -> Result<Engine, InferenceError> {
        let on_card = match self.seat.gpu().map(|gpu| self.load_onto(gpu, most_waiting)) {
            Some(Err(error)) => self.seat.refuse(error).map(|()| None)?,
            Some(Ok(engine)) => Some(engine),
            None => None,
        };
        let engine = match on_card {
            Some(engine) => engine,
            None => self.load_for(pool()?)?,
        };
        self.held().engine = Some(engine.clone());
        Ok(engine)
    }

    fn load_onto(&self, gpu: &Gpu, most_waiting: usize) -> Result<Engine, InferenceError> {
        let (folder, info, settings) = (&self.folder, self.info.clone(), &self.settings);
        // The card's memory is not this process's; the limit on weights counts it all the same.
        let bytes = self.expected_bytes()?;
        Ok(match self.kind {
            ModelKind::Embedding => {
                let (settings, tokenizer) = (settings.clone(), self.tokenizer()?);
                Engine::Embedder(cuda::load_embedder(folder, info, settings, tokenizer, gpu, most_waiting)?, bytes)
            }
            ModelKind::Reranker => {
                Engine::Reranker(cuda::load_reranker(folder, info, settings, gpu, most_waiting)?, bytes)
            }
        })
    }

    fn load_for(&self, pool: Arc<Pool>) -> Result<Engine, InferenceError> {
        let (folder, info, settings) = (&self.folder, self.info.clone(), &self.settings);
        Ok(match self.kind {
            ModelKind::Embedding => {
                let embedder = LocalEmbedder::load(folder, info, settings.clone(), self.tokenizer()?, pool)?;
                let bytes = embedder.compute.bytes() as u64;
                Engine::Embedder(Arc::new(embedder), bytes)
            }
            ModelKind::Reranker => {
                let reranker = LocalReranker::load(folder, info, settings, pool)?;
                let bytes = reranker.compute.bytes() as u64;
                Engine::Reranker(Arc::new(reranker), bytes)
            }
        })
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

    /// Lets the model go; what was loaded, for the caller to drop without a lock.
    pub fn release(&self) -> Option<Engine> {
        let mut held = self.held();
        held.tokenizer = None;
        held.engine.take()
    }

    /// Lets it go unless it is at work; whether nothing of it is loaded now.
    pub fn release_at_rest(&self) -> bool {
        let mut held = self.held();
        // Work in flight holds the engine too.
        if !held.engine.as_ref().is_none_or(Engine::rests) {
            return false;
        }
        held.tokenizer = None;
        let engine = held.engine.take();
        drop(held);
        drop(engine);
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
        match self {
            Self::Embedder(_, bytes) | Self::Reranker(_, bytes) => *bytes,
        }
    }

    /// Whether only its slot holds it.
    fn rests(&self) -> bool {
        match self {
            Self::Embedder(engine, _) => Arc::strong_count(engine) == 1,
            Self::Reranker(engine, _) => Arc::strong_count(engine) == 1,
        }
    }
}
