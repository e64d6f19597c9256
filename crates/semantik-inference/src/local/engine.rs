//! Opening models on the processor's workers, and what is known of a model without its weights.

use std::path::Path;
use std::sync::Arc;

use semantik_core::collection::Quantization;

use crate::local::embed::{Compute, ModelEmbedder};
use crate::local::facts::reranks;
use crate::local::hash::weights_hash;
use crate::local::model::{Model, Task};
use crate::local::pool::Pool;
use crate::local::settings::{Settings, invalid};
use crate::local::tokens::ModelTokenizer;
use crate::queue::Vectors;
use crate::{Embedder, InferenceError, ModelInfo, Purpose};

/// Tokens that may wait for a model opened by itself.
pub(crate) const MOST_WAITING: usize = 1 << 20;

/// A model and the workers that run it.
pub(crate) struct Workers {
    model: Arc<Model>,
    pool: Arc<Pool>,
}

/// An embedder on the processor.
pub(crate) type LocalEmbedder = ModelEmbedder<Workers>;

/// How a model is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalOptions {
    /// Workers; 0 for one per core.
    pub threads: usize,
    pub quantization: Quantization,
}

/// Loads the model in `folder`, to be known as `name`.
///
/// # Errors
/// [`InferenceError::Invalid`] that says what is wrong with the folder.
pub fn open_local(folder: &Path, name: &str, options: LocalOptions) -> Result<Arc<dyn Embedder>, InferenceError> {
    open_settings(folder, name, options, read_embedder(folder)?)
}

/// As [`open_local`], with vectors cut to their first `dimensions` numbers and brought back to
/// length 1. Good for models that were trained for it (Matryoshka), such as Qwen3-Embedding.
///
/// # Errors
/// As [`open_local`], and when the model does not have so many dimensions.
pub fn open_shortened(
    folder: &Path,
    name: &str,
    options: LocalOptions,
    dimensions: usize,
) -> Result<Arc<dyn Embedder>, InferenceError> {
    open_settings(folder, name, options, read_embedder(folder)?.shortened(folder, dimensions)?)
}

/// Reads the small files of an embedding model.
///
/// # Errors
/// As [`Settings::read`], and when the model scores pairs.
pub(crate) fn read_embedder(folder: &Path) -> Result<Settings, InferenceError> {
    let settings = Settings::read(folder)?;
    if reranks(folder, &settings.names)? {
        return Err(invalid(folder, "it scores pairs of texts and makes no vectors; use it as a reranker"));
    }
    Ok(settings)
}

fn open_settings(
    folder: &Path,
    name: &str,
    options: LocalOptions,
    settings: Settings,
) -> Result<Arc<dyn Embedder>, InferenceError> {
    let info = describe(folder, name, options.quantization, &settings)?;
    let tokenizer = Arc::new(ModelTokenizer::load(folder, &settings)?);
    Ok(Arc::new(LocalEmbedder::load(folder, info, settings, tokenizer, options.pool()?)?))
}

impl LocalOptions {
    /// How many workers that is on this machine.
    pub(crate) fn workers(self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if self.threads == 0 { cores } else { self.threads }
    }

    /// Workers for one model.
    pub(crate) fn pool(self) -> Result<Arc<Pool>, InferenceError> {
        Pool::start(self.workers(), MOST_WAITING).map(Arc::new)
    }
}

/// What is known of a model without its weights.
pub(crate) fn describe(
    folder: &Path,
    name: &str,
    quantization: Quantization,
    settings: &Settings,
) -> Result<ModelInfo, InferenceError> {
    let hash = weights_hash(folder)?;
    Ok(ModelInfo {
        name: name.to_owned(),
        hash,
        quantization,
        recipe: settings.recipe(),
        dimensions: settings.dimensions,
        max_tokens: settings.max_tokens,
    })
}

/// The folder may have got another model since it was described.
///
/// # Errors
/// [`InferenceError::Invalid`] when it has.
pub(crate) fn same_weights(folder: &Path, info: &ModelInfo) -> Result<(), InferenceError> {
    if weights_hash(folder)? == info.hash {
        return Ok(());
    }
    Err(invalid(folder, "its weights have changed since it was first used; restart to use the new ones"))
}

impl Workers {
    /// Loads the weights in `folder` for the workers of `pool`.
    ///
    /// # Errors
    /// [`InferenceError::Invalid`] when a tensor is missing or does not fit, or when the weights have
    /// changed since they were described.
    pub fn load(
        folder: &Path,
        info: &ModelInfo,
        settings: &Settings,
        task: Task,
        pool: Arc<Pool>,
    ) -> Result<Self, InferenceError> {
        same_weights(folder, info)?;
        let model = Model::load(folder, settings, info.quantization.into(), task, Some(&info.hash))?;
        Ok(Self { model: Arc::new(model), pool })
    }

    /// Bytes of memory that go when it is dropped.
    pub fn bytes(&self) -> usize {
        self.model.bytes()
    }
}

impl Compute for Workers {
    async fn run(&self, ids: Vec<Vec<u32>>, purpose: Purpose) -> Result<Vectors, InferenceError> {
        self.pool.run(&self.model, ids, purpose).await
    }
}

impl LocalEmbedder {
    /// Loads the weights.
    pub(crate) fn load(
        folder: &Path,
        info: ModelInfo,
        settings: Settings,
        tokenizer: Arc<ModelTokenizer>,
        pool: Arc<Pool>,
    ) -> Result<Self, InferenceError> {
        let compute = Workers::load(folder, &info, &settings, Task::Embed, pool)?;
        let variant = settings.variant.clone();
        // One thread reads many times faster than the workers compute, and leaves the cores to them.
        Ok(Self { info, settings, variant, tokenizer, readers: 1, compute })
    }
}
