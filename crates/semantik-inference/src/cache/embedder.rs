//! The embedder that asks the cache first.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::Vector;
use super::flight::{Claim, Flights, Lead};
use super::key::{Key, Keys};
use super::vectors::EmbeddingCache;
use crate::cancel::leave_on;
use crate::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};

/// Queries up to this many bytes in all are looked up in place, all else on a blocking thread.
const INLINE_BYTES: usize = 65_536;

/// Any embedder, which computes only what is not remembered and not being computed.
pub struct CachedEmbedder {
    inner: Arc<dyn Embedder>,
    keys: Mutex<Arc<Keys>>,
    cache: Arc<EmbeddingCache>,
    flights: Flights,
}

/// A call's texts with their keys, and the vectors known so far.
struct Call {
    texts: Vec<String>,
    made: Arc<Keys>,
    keys: Vec<Key>,
    vectors: HashMap<Key, Vector>,
}

impl CachedEmbedder {
    /// Puts `cache`, which others may use as well, before `inner`.
    pub fn new(inner: Arc<dyn Embedder>, cache: Arc<EmbeddingCache>) -> Self {
        Self { keys: Mutex::new(Arc::new(Keys::of(&*inner))), inner, cache, flights: Flights::default() }
    }

    /// The keys of what the embedder makes now.
    fn keys(&self) -> Arc<Keys> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.are_of(&*self.inner) {
            *keys = Arc::new(Keys::of(&*self.inner));
        }
        Arc::clone(&keys)
    }

    /// Finds what is remembered, away from the callers' threads where that may take a while.
    async fn look_up(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Call, InferenceError> {
        let (made, cache, dimensions) = (self.keys(), Arc::clone(&self.cache), self.info().dimensions);
        let short = texts.iter().map(String::len).sum::<usize>() <= INLINE_BYTES;
        let look = move || {
            let keys: Vec<Key> = texts.iter().map(|text| made.key(text, purpose)).collect();
            let vectors = cache.get(&keys, purpose, dimensions);
            Call { texts, made, keys, vectors }
        };
        if purpose == Purpose::Query && short {
            return Ok(look());
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(InferenceError::Cancelled),
            call = tokio::task::spawn_blocking(look) => {
                call.map_err(|error| InferenceError::Unavailable(error.to_string()))
            }
        }
    }

    /// Computes the keys that were claimed, in one call, and lets everybody know.
    async fn compute(
        &self,
        call: &mut Call,
        lead: Lead<'_>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<(), InferenceError> {
        let keys: Vec<Key> = lead.keys().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let texts = call.take_texts(&keys);
        count("semantik_embedding_cache_misses_total", purpose, keys.len());
        let vectors: Vec<Vector> =
            self.inner.embed(texts, purpose, cancel).await?.into_iter().map(Vector::from).collect();
        if vectors.len() != keys.len() {
            let (asked, given) = (keys.len(), vectors.len());
            return Err(InferenceError::Unavailable(format!("{asked} texts were given, {given} vectors came back")));
        }
        // Another variant may have made them than the one that was asked.
        if call.made.are_of(&*self.inner) {
            self.cache.remember(&keys, &vectors, purpose, self.info().dimensions);
        }
        lead.land(&vectors);
        call.vectors.extend(keys.into_iter().zip(vectors));
        Ok(())
    }
}

impl Call {
    /// The keys without a vector, each once, in order.
    fn missing(&self) -> Vec<Key> {
        let mut seen = HashSet::new();
        self.keys.iter().filter(|key| !self.vectors.contains_key(*key) && seen.insert(**key)).copied().collect()
    }

    /// Moves out the texts of `keys`, which come in the order of the texts.
    fn take_texts(&mut self, keys: &[Key]) -> Vec<String> {
        let mut wanted = keys.iter().peekable();
        let places = self.keys.iter().zip(&mut self.texts);
        places.filter_map(|(key, text)| wanted.next_if_eq(&key).map(|_| std::mem::take(text))).collect()
    }

    fn finish(self) -> Vec<Vec<f32>> {
        self.keys.iter().map(|key| self.vectors[key].to_vec()).collect()
    }
}

#[async_trait]
impl Embedder for CachedEmbedder {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn identify(&self) -> Result<&ModelInfo, InferenceError> {
        self.inner.identify().await
    }

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        // A remembered vector is of use only when it is certain whose it is.
        leave_on(cancel, self.inner.identify()).await?;
        let mut call = self.look_up(texts, purpose, cancel).await?;
        let mut computed = 0;
        let mut missing = call.missing();
        while !missing.is_empty() {
            let Claim { known, lead, others } = self.flights.claim(missing, |key| self.cache.recent(key, purpose));
            call.vectors.extend(known);
            computed += lead.keys().count();
            // First what others may wait for: two calls never wait for each other.
            self.compute(&mut call, lead, purpose, cancel).await?;
            for (key, mut awaited) in others {
                let landed = tokio::select! {
                    biased;
                    () = cancel.cancelled() => return Err(InferenceError::Cancelled),
                    landed = awaited.wait_for(Option::is_some) => landed.ok().and_then(|vector| vector.clone()),
                };
                // Whoever had it gave up; the next round takes it.
                call.vectors.extend(landed.map(|vector| (key, vector)));
            }
            missing = call.missing();
        }
        count("semantik_embedding_cache_hits_total", purpose, call.keys.len() - computed);
        Ok(call.finish())
    }

    fn variant(&self) -> &str {
        self.inner.variant()
    }

    fn device(&self) -> Option<String> {
        self.inner.device()
    }

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        self.inner.tokens()
    }
}

fn count(name: &'static str, purpose: Purpose, texts: usize) {
    metrics::counter!(name, "purpose" => purpose.name()).increment(texts as u64);
}
