//! The embedder over tokenizer, model and workers.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use metrics::histogram;
use semantik_core::collection::Quantization;
use tokio_util::sync::CancellationToken;

use crate::local::facts::reranks;
use crate::local::hash::weights_hash;
use crate::local::model::{Model, Task};
use crate::local::pool::{Pool, Vectors};
use crate::local::settings::{Settings, invalid};
use crate::local::tokens::ModelTokenizer;
use crate::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};

/// Texts up to this many bytes in all are tokenised in place, more on a blocking thread.
const INLINE_BYTES: usize = 4096;
/// Tokens that may wait for a model opened by itself.
const MOST_WAITING: usize = 1 << 20;

/// A loaded model.
pub(crate) struct LocalEmbedder {
    info: ModelInfo,
    settings: Settings,
    tokenizer: Arc<ModelTokenizer>,
    model: Arc<Model>,
    pool: Arc<Pool>,
}

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

/// Weights that are looked up word by word are not read when a model is loaded; what is wrong with
/// them shows here.
///
/// # Errors
/// [`InferenceError::Invalid`] when a result is not a number.
pub(crate) fn finite(name: &str, results: &Vectors) -> Result<(), InferenceError> {
    if results.iter().flatten().all(|value| value.is_finite()) {
        return Ok(());
    }
    let why = "it gives results that are not finite numbers, so its weights are damaged; remove it and pull it again";
    Err(InferenceError::Invalid { folder: name.to_owned(), why: why.into() })
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
        same_weights(folder, &info)?;
        let precision = info.quantization.into();
        let model = Arc::new(Model::load(folder, &settings, precision, Task::Embed, Some(&info.hash))?);
        Ok(Self { info, settings, tokenizer, model, pool })
    }

    /// Bytes of memory that go when it is dropped.
    pub(crate) fn bytes(&self) -> usize {
        self.model.bytes()
    }

    async fn tokenise(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<u32>>, InferenceError> {
        let tokenizer = Arc::clone(&self.tokenizer);
        let prompt = self.settings.prompt(purpose).to_owned();
        let (cancel, bytes) = (cancel.clone(), texts.iter().map(String::len).sum::<usize>());
        let run = move || {
            texts
                .iter()
                .map(|text| {
                    if cancel.is_cancelled() {
                        Err(InferenceError::Cancelled)
                    } else {
                        tokenizer.ids(&format!("{prompt}{text}"))
                    }
                })
                .collect()
        };
        if bytes <= INLINE_BYTES {
            return run();
        }
        tokio::task::spawn_blocking(run).await.map_err(|error| InferenceError::Unavailable(error.to_string()))?
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vectors, InferenceError> {
        let work = async {
            let began = Instant::now();
            let ids = self.tokenise(texts, purpose, cancel).await?;
            histogram!("semantik_embedding_tokenise_seconds").record(began.elapsed().as_secs_f64());
            let vectors = self.pool.run(&self.model, ids, purpose).await?;
            finite(&self.info.name, &vectors).map(|()| vectors)
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(InferenceError::Cancelled),
            result = work => result,
        }
    }

    fn variant(&self) -> &str {
        &self.settings.variant
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::clone(&self.tokenizer) as Arc<dyn TokenCounter>
    }
}
