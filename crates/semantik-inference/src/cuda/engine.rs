//! Embedder and reranker over tokenizer, model and lanes of a card.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semantik_core::collection::Quantization;

use crate::cuda::card::Device;
use crate::cuda::family::Family;
use crate::cuda::fault::Fault;
use crate::cuda::lanes::{LANES, Lanes};
use crate::cuda::model::{Model, form};
use crate::cuda::probe::{Card, guarded, libraries, probe};
use crate::local::embed::{Compute, ModelEmbedder};
use crate::local::engine::{MOST_WAITING, describe, read_embedder, same_weights};
use crate::local::model::Task;
use crate::local::rerank::{ModelReranker, read_reranker};
use crate::local::settings::Settings;
use crate::local::tokens::ModelTokenizer;
use crate::{Embedder, InferenceError, ModelInfo, Purpose, Reranker};

/// Set by the build script.
const ENGINE: &str = env!("SEMANTIK_CUDA_MARK");

/// A card to compute on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    pub card: Card,
    /// Where compiled kernels are kept from start to start; `None` compiles them at each.
    pub kernels: Option<PathBuf>,
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
    load_embedder(folder, describe(folder, name, quantization, &settings)?, settings, tokenizer, gpu, MOST_WAITING)
}

/// Loads the weights of a known embedding model onto a card, where `most_waiting` tokens of queries,
/// and as many of passages, may wait.
///
/// # Errors
/// As [`open`].
pub(crate) fn load_embedder(
    folder: &Path,
    info: ModelInfo,
    settings: Settings,
    tokenizer: Arc<ModelTokenizer>,
    gpu: &Gpu,
    most_waiting: usize,
) -> Result<Arc<dyn Embedder>, InferenceError> {
    same_weights(folder, &info)?;
    let compute = load(folder, &settings, info.quantization, gpu, Task::Embed, most_waiting)?;
    let variant = variant_of(&settings, gpu);
    // A card outruns the tokenizer on one core.
    let readers = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Arc::new(ModelEmbedder { info, settings, variant, tokenizer, readers, compute }))
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
    load_reranker(folder, info, &settings, gpu, MOST_WAITING)
}

/// Loads the weights of a known reranker onto a card; as [`load_embedder`].
///
/// # Errors
/// As [`open`].
pub(crate) fn load_reranker(
    folder: &Path,
    info: ModelInfo,
    settings: &Settings,
    gpu: &Gpu,
    most_waiting: usize,
) -> Result<Arc<dyn Reranker>, InferenceError> {
    let reranker = ModelReranker::over(folder, info, settings, |info, task| {
        same_weights(folder, info)?;
        load(folder, settings, info.quantization, gpu, task, most_waiting)
    })?;
    Ok(Arc::new(reranker))
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
        Ok(Self { lanes: load(folder, &settings, quantization, gpu, Task::Embed, MOST_WAITING)? })
    }

    /// A vector per list of ids.
    ///
    /// # Errors
    /// [`InferenceError::Busy`] when too much waits, and when the card failed.
    pub async fn run(&self, texts: Vec<Vec<u32>>, purpose: Purpose) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.lanes.run(texts, purpose).await
    }
}

/// The lanes of a model on a card.
fn load(
    folder: &Path,
    settings: &Settings,
    quantization: Quantization,
    gpu: &Gpu,
    task: Task,
    most_waiting: usize,
) -> Result<Lanes, InferenceError> {
    let form = form(Family::of(folder, settings)?, quantization);
    // Asked here too, so that no function of a missing library is ever called.
    probe().and_then(|_| gpu.card.check()).and_then(|()| libraries()).map_err(Fault::Broken)?;
    let ready = || -> Result<Lanes, InferenceError> {
        let device = Device::new(&gpu.card, form, gpu.kernels.as_deref())?;
        let lanes = (0..LANES).map(|_| device.lane()).collect::<Result<Vec<_>, _>>()?;
        let model = Model::load(&lanes[0], folder, settings, quantization, task)?;
        Lanes::start(model, lanes, most_waiting)
    };
    let lanes = guarded("CUDA", AssertUnwindSafe(|| Ok(ready()))).map_err(Fault::Broken)??;
    tracing::info!(gpu = gpu.card.describe(), folder = %folder.display(), %quantization, "the model is on the GPU");
    Ok(lanes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use semantik_core::collection::Quantization;

    use super::{Gpu, Runner};
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
}
