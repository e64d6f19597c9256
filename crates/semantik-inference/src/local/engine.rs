//! The embedder over tokenizer, encoder and workers.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use semantik_core::collection::Quantization;
use tokio_util::sync::CancellationToken;

use crate::local::encoder::Encoder;
use crate::local::hash::weights_hash;
use crate::local::settings::Settings;
use crate::local::tokens::ModelTokenizer;
use crate::local::workers::{Vectors, Workers};
use crate::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};

/// Tokens of a unit: enough to keep the arithmetic busy, few enough that a query waits little.
const UNIT_TOKENS: usize = 256;
/// Texts up to this many bytes in all are tokenised in place, more on a blocking thread.
const INLINE_BYTES: usize = 4096;

/// A loaded model.
pub(crate) struct LocalEmbedder {
    info: ModelInfo,
    settings: Settings,
    tokenizer: Arc<ModelTokenizer>,
    workers: Workers,
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
    let settings = Settings::read(folder)?;
    let info = describe(folder, name, options.quantization, &settings)?;
    let tokenizer = Arc::new(ModelTokenizer::load(folder, &settings)?);
    Ok(Arc::new(LocalEmbedder::load(folder, info, settings, tokenizer, options.threads)?))
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
        dimensions: settings.shape.hidden_size,
        max_tokens: settings.max_tokens,
    })
}

impl LocalEmbedder {
    /// Loads the weights and starts the workers.
    pub(crate) fn load(
        folder: &Path,
        info: ModelInfo,
        settings: Settings,
        tokenizer: Arc<ModelTokenizer>,
        threads: usize,
    ) -> Result<Self, InferenceError> {
        let encoder = Arc::new(Encoder::load(folder, settings.clone(), info.quantization.into())?);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = Workers::start(&encoder, if threads == 0 { cores } else { threads })?;
        Ok(Self { info, settings, tokenizer, workers })
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

    async fn run_units(&self, ids: Vec<Vec<u32>>, purpose: Purpose) -> Result<Vectors, InferenceError> {
        let mut vectors = vec![Vec::new(); ids.len()];
        let pending: Vec<_> = into_units(ids, UNIT_TOKENS)
            .into_iter()
            .map(|unit| {
                let (places, texts): (Vec<_>, Vec<_>) = unit.into_iter().unzip();
                (places, self.workers.submit(texts, purpose))
            })
            .collect();
        for (places, receiver) in pending {
            let made = receiver
                .await
                .map_err(|_| InferenceError::Unavailable("an encoder thread failed; see the log".into()))?;
            places.into_iter().zip(made).for_each(|(place, vector)| vectors[place] = vector);
        }
        Ok(vectors)
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
            let ids = self.tokenise(texts, purpose, cancel).await?;
            self.run_units(ids, purpose).await
        };
        // Leaving drops the receivers, which takes the queued units with it.
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(InferenceError::Cancelled),
            result = work => result,
        }
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::clone(&self.tokenizer) as Arc<dyn TokenCounter>
    }
}

/// Packs texts, longest first, into units of at most `budget` tokens (a longer text is alone).
fn into_units(ids: Vec<Vec<u32>>, budget: usize) -> Vec<Vec<(usize, Vec<u32>)>> {
    let mut texts: Vec<_> = ids.into_iter().enumerate().collect();
    texts.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
    let mut units: Vec<Vec<(usize, Vec<u32>)>> = Vec::new();
    let mut room = 0;
    for text in texts {
        let length = text.1.len();
        match units.last_mut() {
            Some(unit) if length <= room => {
                room -= length;
                unit.push(text);
            }
            Some(_) | None => {
                room = budget.saturating_sub(length);
                units.push(vec![text]);
            }
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::into_units;

    #[test]
    fn units_keep_to_the_budget_and_lose_no_text() {
        let lengths = [3, 300, 100, 0, 60, 100, 256];
        let units = into_units(lengths.iter().map(|length| vec![7; *length]).collect(), 256);
        let sizes: Vec<usize> = units.iter().map(|unit| unit.iter().map(|(_, ids)| ids.len()).sum()).collect();
        assert_eq!(sizes, [300, 256, 200, 63]);
        let mut places: Vec<usize> = units.iter().flatten().map(|(place, _)| *place).collect();
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
    }
}
