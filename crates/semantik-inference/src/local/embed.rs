//! The embedder over a tokenizer and whatever computes: workers, or a card.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use futures::future::try_join_all;
use metrics::histogram;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::cancel::leave_on;
use crate::local::settings::Settings;
use crate::local::tokens::ModelTokenizer;
use crate::queue::Vectors;
use crate::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};

/// Texts up to this many bytes in all are tokenised in place, more on blocking threads.
const INLINE_BYTES: usize = 4096;
/// Fewer texts than this are not shared out over several threads.
const LEAST_SHARE: usize = 64;

/// A loaded model without its tokenizer.
pub(crate) trait Compute: Send + Sync {
    /// A vector, or a score as a vector of one number, for each list of ids, in order. Dropping the
    /// future frees the work that waits.
    ///
    /// # Errors
    /// [`InferenceError::Busy`] when too much waits, and what computing met.
    fn run(&self, ids: Vec<Vec<u32>>, purpose: Purpose)
    -> impl Future<Output = Result<Vectors, InferenceError>> + Send;
}

/// A loaded embedding model.
pub(crate) struct ModelEmbedder<C> {
    pub info: ModelInfo,
    pub settings: Settings,
    /// What else decides the bits of a vector.
    pub variant: String,
    pub tokenizer: Arc<ModelTokenizer>,
    /// Threads that tokenise a call: as many as keep `compute` busy.
    pub readers: usize,
    pub compute: C,
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

/// Texts in portions for `readers` threads.
fn portions(texts: Vec<String>, readers: usize) -> Vec<Vec<String>> {
    let each = texts.len().div_ceil(readers).max(LEAST_SHARE);
    let mut texts = texts.into_iter();
    std::iter::from_fn(|| Some(texts.by_ref().take(each).collect::<Vec<_>>()).filter(|part| !part.is_empty())).collect()
}

impl<C: Compute> ModelEmbedder<C> {
    async fn tokenise(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<u32>>, InferenceError> {
        let bytes = texts.iter().map(String::len).sum::<usize>();
        let read = |texts: Vec<String>| {
            let (tokenizer, cancel) = (Arc::clone(&self.tokenizer), cancel.clone());
            let prompt = self.settings.prompt(purpose).to_owned();
            move || {
                let one = |text: &String| match cancel.is_cancelled() {
                    true => Err(InferenceError::Cancelled),
                    false => tokenizer.ids(&format!("{prompt}{text}")),
                };
                texts.iter().map(one).collect::<Result<Vec<_>, _>>()
            }
        };
        if bytes <= INLINE_BYTES {
            return read(texts)();
        }
        let parts = portions(texts, self.readers).into_iter().map(|part| spawn_blocking(read(part)));
        let parts = try_join_all(parts).await.map_err(|error| InferenceError::Unavailable(error.to_string()))?;
        Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

#[async_trait]
impl<C: Compute> Embedder for ModelEmbedder<C> {
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
            let vectors = self.compute.run(ids, purpose).await?;
            finite(&self.info.name, &vectors).map(|()| vectors)
        };
        leave_on(cancel, work).await
    }

    fn variant(&self) -> &str {
        &self.variant
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::clone(&self.tokenizer) as Arc<dyn TokenCounter>
    }
}

#[cfg(test)]
mod tests {
    use super::portions;

    #[test]
    fn portions_hold_every_text_in_order() {
        let texts: Vec<String> = (0..200).map(|at| at.to_string()).collect();
        let lengths = |readers| portions(texts.clone(), readers).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!((lengths(1), lengths(2), lengths(50)), (vec![200], vec![100, 100], vec![64, 64, 64, 8]));
        assert_eq!(portions(texts.clone(), 7).concat(), texts);
        assert!(portions(Vec::new(), 3).is_empty());
    }
}
