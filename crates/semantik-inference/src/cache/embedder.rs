//! The embedder that asks the cache first.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::Vector;
use super::disk::Disk;
use super::flight::{Claim, Flights, Lead};
use super::key::{Key, Keys};
use super::memory::Memory;
use crate::{Embedder, InferenceError, ModelInfo, Purpose, TokenCounter};

/// Memory for the vectors of the last passages: those on their way to the disk, and the sentences
/// that stand in every document.
const PASSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Queries up to this many bytes in all are looked up in place, all else on a blocking thread.
const INLINE_BYTES: usize = 65_536;

/// How much is remembered, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// For vectors of passages; created when first needed. One process at a time uses it, another
    /// one goes without.
    pub folder: PathBuf,
    /// Most bytes in `folder`; 0 keeps no passage at all.
    pub disk_bytes: u64,
    /// Most bytes of memory for queries; 0 keeps none.
    pub query_bytes: usize,
}

/// Any embedder, which computes only what is not remembered and not being computed.
pub struct CachedEmbedder {
    inner: Arc<dyn Embedder>,
    cache: Arc<Cache>,
    flights: Flights,
}

struct Cache {
    keys: Keys,
    dimensions: usize,
    options: CacheOptions,
    queries: Memory,
    passages: Memory,
    /// Opened by the first passage; `None` where that failed.
    disk: OnceLock<Option<Disk>>,
}

/// A call's texts with their keys, and the vectors known so far.
struct Call {
    texts: Vec<String>,
    keys: Vec<Key>,
    vectors: HashMap<Key, Vector>,
}

impl CachedEmbedder {
    /// Puts a cache before `inner`. Touches no file yet.
    pub fn new(inner: Arc<dyn Embedder>, options: CacheOptions) -> Self {
        let passage_bytes = if options.disk_bytes == 0 { 0 } else { PASSAGE_BYTES };
        let cache = Arc::new(Cache {
            keys: Keys::of(&*inner),
            dimensions: inner.info().dimensions,
            queries: Memory::new(options.query_bytes),
            passages: Memory::new(passage_bytes),
            disk: OnceLock::new(),
            options,
        });
        Self { inner, cache, flights: Flights::default() }
    }

    /// Finds what is remembered, away from the callers' threads where that may take a while.
    async fn look_up(&self, texts: Vec<String>, purpose: Purpose) -> Result<Call, InferenceError> {
        if purpose == Purpose::Query && texts.iter().map(String::len).sum::<usize>() <= INLINE_BYTES {
            return Ok(self.cache.look_up(texts, purpose));
        }
        let cache = Arc::clone(&self.cache);
        tokio::task::spawn_blocking(move || cache.look_up(texts, purpose))
            .await
            .map_err(|error| InferenceError::Unavailable(error.to_string()))
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
        self.cache.remember(&keys, &vectors, purpose);
        lead.land(&vectors);
        call.vectors.extend(keys.into_iter().zip(vectors));
        Ok(())
    }
}

impl Cache {
    fn look_up(&self, texts: Vec<String>, purpose: Purpose) -> Call {
        let keys: Vec<Key> = texts.iter().map(|text| self.keys.key(text, purpose)).collect();
        let memory = self.memory(purpose);
        let mut vectors: HashMap<Key, Vector> = keys.iter().filter_map(|key| Some((*key, memory.get(key)?))).collect();
        if let Some(disk) = self.disk(purpose) {
            let missing: HashSet<Key> = keys.iter().filter(|key| !vectors.contains_key(*key)).copied().collect();
            vectors.extend(disk.get(missing, self.dimensions));
        }
        Call { texts, keys, vectors }
    }

    fn memory(&self, purpose: Purpose) -> &Memory {
        match purpose {
            Purpose::Query => &self.queries,
            Purpose::Passage => &self.passages,
        }
    }

    /// The disk, for passages; opens it. Blocks.
    fn disk(&self, purpose: Purpose) -> Option<&Disk> {
        if purpose == Purpose::Query || self.options.disk_bytes == 0 {
            return None;
        }
        let open = || {
            let folder = &self.options.folder;
            Disk::open(folder, self.options.disk_bytes)
                .inspect_err(|error| {
                    tracing::warn!(%error, folder = %folder.display(), "vectors of passages are not remembered on disk");
                })
                .ok()
        };
        self.disk.get_or_init(open).as_ref()
    }

    fn remember(&self, keys: &[Key], vectors: &[Vector], purpose: Purpose) {
        let memory = self.memory(purpose);
        for (key, vector) in keys.iter().zip(vectors) {
            memory.put(*key, Vector::clone(vector));
        }
        let name = match purpose {
            Purpose::Query => "queries",
            Purpose::Passage => "passages",
        };
        metrics::gauge!("semantik_embedding_cache_bytes", "part" => name).set(memory.bytes() as f64);
        if purpose == Purpose::Passage
            && let Some(disk) = self.disk.get().and_then(Option::as_ref)
        {
            let good = keys.iter().zip(vectors).filter(|(_, vector)| vector.len() == self.dimensions);
            disk.put(good.map(|(key, vector)| (*key, Vector::clone(vector))).collect());
        }
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

    async fn embed(
        &self,
        texts: Vec<String>,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        if cancel.is_cancelled() {
            return Err(InferenceError::Cancelled);
        }
        let mut call = self.look_up(texts, purpose).await?;
        let mut computed = 0;
        let mut missing = call.missing();
        while !missing.is_empty() {
            let Claim { known, lead, others } = self.flights.claim(missing, |key| self.cache.memory(purpose).get(key));
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

    fn tokens(&self) -> Arc<dyn TokenCounter> {
        self.inner.tokens()
    }
}

fn count(name: &'static str, purpose: Purpose, texts: usize) {
    let purpose = match purpose {
        Purpose::Query => "query",
        Purpose::Passage => "passage",
    };
    metrics::counter!(name, "purpose" => purpose).increment(texts as u64);
}
