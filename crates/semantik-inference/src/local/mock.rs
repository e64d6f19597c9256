//! Vectors without a model: words hashed into a few hundred dimensions.
//!
//! Texts that share words are near each other, nothing more; for tests that are not about meaning.

use std::sync::Arc;

use async_trait::async_trait;
use semantik_core::collection::Quantization;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::local::isa::Isa;
use crate::local::ops::pooling::normalise;
use crate::local::tokens::words;
use crate::{Embedder, InferenceError, ModelInfo, Purpose, Reranker, TokenCounter};

const DIMENSIONS: usize = 384;
const MAX_TOKENS: usize = 256;

/// The embedder named `mock`.
pub struct MockEmbedder {
    info: ModelInfo,
}

struct WordCounter;

impl MockEmbedder {
    /// Makes the embedder; there is nothing to load.
    pub fn new() -> Self {
        let hash = crate::models::hex(&Sha256::digest(b"semantik mock embedder 1"));
        Self {
            info: ModelInfo {
                name: "mock".into(),
                hash,
                quantization: Quantization::Float32,
                recipe: String::new(),
                dimensions: DIMENSIONS,
                max_tokens: MAX_TOKENS,
            },
        }
    }
}

impl Default for MockEmbedder {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Embedder for MockEmbedder {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        _purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        texts
            .iter()
            .map(|text| if cancel.is_cancelled() { Err(InferenceError::Cancelled) } else { Ok(vector_of(text)) })
            .collect()
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        Arc::new(WordCounter)
    }
}

/// The reranker named `mock`: the likeness of the vectors of [`MockEmbedder`].
pub struct MockReranker {
    info: ModelInfo,
}

impl MockReranker {
    /// Makes the reranker; there is nothing to load.
    pub fn new() -> Self {
        Self { info: ModelInfo { dimensions: 1, ..MockEmbedder::new().info } }
    }
}

impl Default for MockReranker {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Reranker for MockReranker {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn rerank(
        &self,
        query: String,
        passages: Vec<String>,
        cancel: &CancellationToken,
    ) -> Result<Vec<f32>, InferenceError> {
        let query = vector_of(&query);
        let likeness = |passage: &String| -> f32 { query.iter().zip(vector_of(passage)).map(|(q, p)| q * p).sum() };
        if cancel.is_cancelled() {
            return Err(InferenceError::Cancelled);
        }
        Ok(passages.iter().map(|passage| likeness(passage).clamp(0.0, 1.0)).collect())
    }
}

impl TokenCounter for WordCounter {
    fn spans(&self, text: &str) -> Vec<(usize, usize)> {
        words(text).collect()
    }
}

/// Words and pairs of neighbouring words, each adding or taking one in two dimensions.
fn vector_of(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    let lower = text.to_lowercase();
    let all: Vec<&str> = lower
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(MAX_TOKENS)
        .collect();
    all.iter().for_each(|word| add(&mut vector, word, 1.0));
    all.windows(2).for_each(|pair| add(&mut vector, &pair.join(" "), 0.5));
    if all.is_empty() {
        vector[0] = 1.0;
    }
    normalise(Isa::PORTABLE, &mut vector, DIMENSIONS);
    vector
}

fn add(vector: &mut [f32], gram: &str, weight: f32) {
    let hash = fnv1a(gram.as_bytes());
    for half in [hash, hash >> 32] {
        let sign = if half & 1 == 0 { weight } else { -weight };
        vector[(half >> 1 & 0x7fff_ffff) as usize % DIMENSIONS] += sign;
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    let start = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    (start ^ (start >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[cfg(test)]
mod tests {
    use super::vector_of;

    fn cosine(left: &str, right: &str) -> f32 {
        vector_of(left).iter().zip(vector_of(right)).map(|(left, right)| left * right).sum()
    }

    #[test]
    fn shared_words_bring_texts_near() {
        assert!(cosine("the quick brown fox", "The quick, brown fox!") > 0.99);
        assert!(
            cosine("the quick brown fox", "a quick brown dog")
                > cosine("the quick brown fox", "monthly invoice totals")
        );
    }

    #[test]
    fn every_text_has_a_unit_vector() {
        for text in ["", "  ", "one", "two words"] {
            assert!((cosine(text, text) - 1.0).abs() < 1e-5, "{text:?}");
        }
    }
}
