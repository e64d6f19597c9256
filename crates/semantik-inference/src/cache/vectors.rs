//! What is remembered: memory first, then the disk. One for all embedders of a process.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::Vector;
use super::disk::Disk;
use super::key::Key;
use super::memory::Memory;
use crate::Purpose;

/// Memory for the vectors of the last passages: those on their way to the disk, and the sentences
/// that stand in every document.
const PASSAGE_BYTES: usize = 16 * 1024 * 1024;

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

/// Vectors by their keys.
pub struct EmbeddingCache {
    options: CacheOptions,
    queries: Memory,
    passages: Memory,
    /// Opened by the first passage; `None` where that failed.
    disk: OnceLock<Option<Disk>>,
}

impl EmbeddingCache {
    /// Touches no file yet.
    pub fn new(options: CacheOptions) -> Arc<Self> {
        let passage_bytes = if options.disk_bytes == 0 { 0 } else { PASSAGE_BYTES };
        Arc::new(Self {
            queries: Memory::new(options.query_bytes),
            passages: Memory::new(passage_bytes),
            disk: OnceLock::new(),
            options,
        })
    }

    /// The vectors of those keys that are known. For passages it reads files.
    pub(super) fn get(&self, keys: &[Key], purpose: Purpose, dimensions: usize) -> HashMap<Key, Vector> {
        let mut vectors: HashMap<Key, Vector> =
            keys.iter().filter_map(|key| Some((*key, self.recent(key, purpose)?))).collect();
        let missing: HashSet<Key> = keys.iter().filter(|key| !vectors.contains_key(*key)).copied().collect();
        if let Some(disk) = self.disk(purpose).filter(|_| !missing.is_empty()) {
            vectors.extend(disk.get(missing, dimensions));
        }
        vectors
    }

    /// The vector of a key, if it is in memory.
    pub(super) fn recent(&self, key: &Key, purpose: Purpose) -> Option<Vector> {
        self.memory(purpose).get(key)
    }

    /// Keeps vectors; those of passages go to the disk soon.
    pub(super) fn remember(&self, keys: &[Key], vectors: &[Vector], purpose: Purpose, dimensions: usize) {
        let good = || keys.iter().zip(vectors).filter(|(_, vector)| vector.len() == dimensions);
        let memory = self.memory(purpose);
        good().for_each(|(key, vector)| memory.put(*key, Vector::clone(vector)));
        let part = match purpose {
            Purpose::Query => "queries",
            Purpose::Passage => "passages",
        };
        metrics::gauge!("semantik_embedding_cache_bytes", "part" => part).set(memory.bytes() as f64);
        if purpose == Purpose::Passage
            && let Some(disk) = self.disk.get().and_then(Option::as_ref)
        {
            disk.put(good().map(|(key, vector)| (*key, Vector::clone(vector))).collect());
        }
    }

    fn memory(&self, purpose: Purpose) -> &Memory {
        match purpose {
            Purpose::Query => &self.queries,
            Purpose::Passage => &self.passages,
        }
    }

    /// The disk, for passages. The first call opens it.
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
}
