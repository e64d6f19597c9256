//! A batch is computed and every caller gets its part; both are counted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use metrics::{counter, histogram};

use super::line::{Batch, Vectors};
use super::{failed, name};
use crate::{InferenceError, Purpose};

impl<M> Batch<M> {
    pub fn model(&self) -> &M {
        &self.model
    }

    pub fn tokens(&self) -> usize {
        self.texts.iter().map(Vec::len).sum()
    }

    /// Sends each caller what `compute` makes of its texts, one result for each, in order; whether
    /// it came to its end. After a panic nothing that it worked with is to be trusted.
    pub fn answer<E: Into<InferenceError>>(
        self,
        purpose: Purpose,
        compute: impl FnOnce(&M, &[Vec<u32>]) -> Vec<Result<Vec<f32>, E>>,
    ) -> bool {
        let began = Instant::now();
        self.report(purpose, began);
        let computed = catch_unwind(AssertUnwindSafe(|| compute(&self.model, &self.texts)));
        let took = began.elapsed().as_secs_f64();
        histogram!("semantik_embedding_compute_seconds", "purpose" => name(purpose)).record(took);
        let is_whole = computed.is_ok();
        let mut answers = computed.unwrap_or_default().into_iter();
        for part in self.parts {
            let count = part.places.len();
            // Taken in full before the first error ends it: the rest is other callers'.
            let own: Vec<_> = answers.by_ref().take(count).collect();
            let own = if own.len() == count {
                own.into_iter().collect::<Result<Vectors, E>>().map_err(Into::into)
            } else {
                Err(failed())
            };
            // The caller may have gone meanwhile; then nobody misses the vectors.
            drop(part.results.send((part.places, own)));
        }
        is_whole
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch has few tokens")]
    fn report(&self, purpose: Purpose, now: Instant) {
        let purpose = name(purpose);
        let (texts, tokens) = (self.texts.len(), self.tokens());
        histogram!("semantik_embedding_batch_texts", "purpose" => purpose).record(texts as f64);
        histogram!("semantik_embedding_batch_tokens", "purpose" => purpose).record(tokens as f64);
        counter!("semantik_embedding_texts_total", "purpose" => purpose).increment(texts as u64);
        counter!("semantik_embedding_tokens_total", "purpose" => purpose).increment(tokens as u64);
        for part in &self.parts {
            let waited = now.duration_since(part.since).as_secs_f64();
            histogram!("semantik_embedding_queue_seconds", "purpose" => purpose).record(waited);
        }
    }
}
