//! Embedder and reranker over tokenizer, model and lanes of a card.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use semantik_core::collection::Quantization;
use tokio_util::sync::CancellationToken;

use crate::cuda::card::Device;
use crate::cuda::family::Family;
use crate::cuda::fault::Fault;
use crate::cuda::lanes::{LANES, Lanes, Pending};
use crate::cuda::model::{Model, form};
use crate::cuda::probe::{Card, guarded, libraries, probe};
use crate::local::engine::{describe, finite, read_embedder, same_weights};
use crate::local::model::Task;
use crate::local::rerank::{Writer, read_reranker};
use crate::local::settings::Settings;
use crate::local::tokens::ModelTokenizer;
use crate::{Embedder, InferenceError, ModelInfo, Purpose, Reranker, TokenCounter};

/// Texts that one core turns into ids at a time: a card outruns the tokenizer on one core.
const SLICE: usize = 64;

/// Set by the build script.
const ENGINE: &str = env!("SEMANTIK_CUDA_MARK");

/// A card to compute on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    pub card: Card,
    /// Where compiled kernels are kept from start to start; `None` compiles them at each.
    pub kernels: Option<PathBuf>,
}

struct GpuEmbedder {
    info: ModelInfo,
    settings: Settings,
    variant: String,
    tokenizer: Arc<ModelTokenizer>,
    lanes: Lanes,
}

struct GpuReranker {
    info: ModelInfo,
    writer: Arc<Writer>,
    lanes: Lanes,
}

/// Loads the embedding model in `folder` onto a card, to be known as `name`.
///
/// # Errors
/// [`InferenceError::Invalid`] that says what is wrong with the folder, or
/// [`InferenceError::Unavailable`] that says what is wrong with the card.
pub fn open(
    folder: &Path,
    name: &str,
    quantization: Quantization,
    gpu: &Gpu,
) -> Result<Arc<dyn Embedder>, InferenceError> {
    let settings = read_embedder(folder)?;
    let tokenizer = Arc::new(ModelTokenizer::load(folder, &settings)?);
    load_embedder(folder, describe(folder, name, quantization, &settings)?, settings, tokenizer, gpu)
}

/// Loads the weights of a known embedding model onto a card.
///
/// # Errors
/// As [`open`].
pub(crate) fn load_embedder(
    folder: &Path,
    info: ModelInfo,
    settings: Settings,
    tokenizer: Arc<ModelTokenizer>,
    gpu: &Gpu,
) -> Result<Arc<dyn Embedder>, InferenceError> {
    same_weights(folder, &info)?;
    let lanes = load(folder, &settings, info.quantization, gpu, Task::Embed)?;
    let variant = variant_of(&settings, gpu);
    Ok(Arc::new(GpuEmbedder { info, settings, variant, tokenizer, lanes }))
}

/// Loads the reranker in `folder` onto a card, to be known as `name`.
///
/// # Errors
/// As [`open`].
pub fn open_reranker(
    folder: &Path,
    name: &str,
    quantization: Quantization,
    gpu: &Gpu,
) -> Result<Arc<dyn Reranker>, InferenceError> {
    let settings = read_reranker(folder)?;
    let info = ModelInfo { dimensions: 1, ..describe(folder, name, quantization, &settings)? };
    load_reranker(folder, info, &settings, gpu)
}

/// Loads the weights of a known reranker onto a card.
///
/// # Errors
/// As [`open`].
pub(crate) fn load_reranker(
    folder: &Path,
    info: ModelInfo,
    settings: &Settings,
    gpu: &Gpu,
) -> Result<Arc<dyn Reranker>, InferenceError> {
    let (writer, answers) = Writer::load(folder, settings)?;
    let lanes = load(folder, settings, info.quantization, gpu, Task::Rerank(answers))?;
    Ok(Arc::new(GpuReranker { info, writer: Arc::new(writer), lanes }))
}

/// What decides the bits of a result on `gpu` beside the weights: the kernels and all that starts
/// them, the card, whose products differ, and the small files.
pub(crate) fn variant_of(settings: &Settings, gpu: &Gpu) -> String {
    let Card { name, capability: (major, minor), driver, .. } = &gpu.card;
    format!("cuda {ENGINE} {name} {major}.{minor} {}.{} {}", driver.0, driver.1, settings.variant)
}

/// A model on a card without its tokenizer, for measuring the card alone.
pub struct Runner {
    lanes: Lanes,
}

impl Runner {
    /// Loads the embedding model in `folder`; a tokenizer is not needed.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(folder: &Path, quantization: Quantization, gpu: &Gpu) -> Result<Self, InferenceError> {
        let settings = Settings::read(folder)?;
        Ok(Self { lanes: load(folder, &settings, quantization, gpu, Task::Embed)? })
    }

    /// A vector per list of ids.
    ///
    /// # Errors
    /// When the card failed.
    pub async fn run(&self, texts: Vec<Vec<u32>>, purpose: Purpose) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.lanes.submit(texts, purpose).results().await
    }
}

/// The device with the model's kernels, and the lanes of a model on it.
fn load(
    folder: &Path,
    settings: &Settings,
    quantization: Quantization,
    gpu: &Gpu,
    task: Task,
) -> Result<Lanes, InferenceError> {
    let form = form(Family::of(folder, settings)?, quantization);
    // Asked here too, so that no function of a missing library is ever called.
    probe().and_then(|_| gpu.card.check()).and_then(|()| libraries()).map_err(Fault::Broken)?;
    let ready = || {
        let device = Device::new(&gpu.card, form, gpu.kernels.as_deref());
        Ok(device.and_then(|device| (0..LANES).map(|_| device.lane()).collect::<Result<Vec<_>, _>>()))
    };
    let lanes = guarded("CUDA", ready).map_err(Fault::Broken)??;
    let model = Arc::new(Model::load(&lanes[0], folder, settings, quantization, task)?);
    tracing::info!(gpu = gpu.card.describe(), folder = %folder.display(), %quantization, "the model is on the GPU");
    Lanes::start(&model, lanes)
}

impl GpuEmbedder {
    async fn tokenise(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        stop: CancellationToken,
    ) -> Result<Vec<Vec<u32>>, InferenceError> {
        let (tokenizer, prompt) = (Arc::clone(&self.tokenizer), self.settings.prompt(purpose).to_owned());
        let one = move |text: &String| match stop.is_cancelled() {
            true => Err(InferenceError::Cancelled),
            false => tokenizer.ids(&format!("{prompt}{text}")),
        };
        tokio::task::spawn_blocking(move || texts.iter().map(one).collect())
            .await
            .map_err(|error| InferenceError::Unavailable(error.to_string()))?
    }
}

/// Texts in the portions that one core reads at a time.
fn slices(texts: Vec<String>) -> Vec<Vec<String>> {
    let mut texts = texts.into_iter();
    std::iter::from_fn(|| Some(texts.by_ref().take(SLICE).collect::<Vec<_>>()).filter(|slice| !slice.is_empty()))
        .collect()
}

#[async_trait]
impl Embedder for GpuEmbedder {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let work = async {
            let mut slices = stream::iter(slices(texts))
                .map(|slice| self.tokenise(slice, purpose, cancel.clone()))
                .buffered(std::thread::available_parallelism().map_or(1, usize::from));
            // The card begins with the first slice while the next ones are read.
            let mut pending = Pending::default();
            while let Some(ids) = slices.next().await {
                pending.and(self.lanes.submit(ids?, purpose));
            }
            let vectors = pending.results().await?;
            finite(&self.info.name, &vectors).map(|()| vectors)
        };
        // Leaving drops the receivers, which takes the waiting texts with it.
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(InferenceError::Cancelled),
            result = work => result,
        }
    }

    fn variant(&self) -> &str {
        &self.variant
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::clone(&self.tokenizer) as Arc<dyn TokenCounter>
    }
}

#[async_trait]
impl Reranker for GpuReranker {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn rerank(
        &self,
        query: String,
        passages: Vec<String>,
        cancel: &CancellationToken,
    ) -> Result<Vec<f32>, InferenceError> {
        let work = async {
            let (writer, stop) = (Arc::clone(&self.writer), cancel.clone());
            let ids = tokio::task::spawn_blocking(move || writer.write(&query, &passages, &stop))
                .await
                .map_err(|error| InferenceError::Unavailable(error.to_string()))??;
            let scores = self.lanes.submit(ids, Purpose::Query).results().await?;
            finite(&self.info.name, &scores)?;
            Ok(scores.into_iter().flatten().collect())
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(InferenceError::Cancelled),
            result = work => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use semantik_core::collection::Quantization;

    use super::{Gpu, Runner, slices};
    use crate::InferenceError;
    use crate::cuda::probe::Card;

    #[test]
    fn a_card_that_is_not_there_is_an_error_with_a_remedy() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tiny/bert");
        let card = Card { number: 99, name: "none".into(), capability: (9, 0), memory: 0, driver: (13, 0) };
        let opened = Runner::open(&folder, Quantization::Float16, &Gpu { card, kernels: None });
        let said = opened.err().expect("there is no such card");
        assert!(matches!(said, InferenceError::Unavailable(_)), "{said}");
        assert!(said.to_string().contains("EMBEDDING_DEVICE=cpu"), "{said}");
    }

    #[test]
    fn portions_hold_every_text_in_order() {
        let texts: Vec<String> = (0..200).map(|at| at.to_string()).collect();
        let found = slices(texts.clone());
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 64, 8]);
        assert_eq!(found.concat(), texts);
        assert!(slices(Vec::new()).is_empty());
    }
}
