//! What is searched: dense vectors and lexical postings of chunks, one [`Index`] per generation.
//!
//! Invariants every engine keeps (and `conformance/` checks):
//! - A point's id is its chunk's id; upserting it again replaces it.
//! - What `flush` has returned for survives `kill -9` and power loss; what came after may be lost
//!   and is upserted again by the caller. Nothing is ever half there after `open`.
//! - A deleted point is never returned by a search that starts after the delete returned.
//!
//! This crate knows documents only as ids: conditions on paths, types, times and tags are resolved
//! to a set of documents by the caller (see `docs/adr/0003-filters.md`).

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod embedded;
mod error;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use semantik_core::id::{ChunkId, DocumentId, IndexId};

pub use error::IndexError;

/// A point to store: a chunk's vector and words.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub id: ChunkId,
    pub document: DocumentId,
    /// Unit length, `dimensions` values.
    pub vector: Vec<f32>,
    /// Indexed for words.
    pub text: String,
    /// Headings and the file's name: indexed for words with a smaller weight, never shown.
    pub context: String,
}

/// A point found by one leg.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    pub id: ChunkId,
    pub document: DocumentId,
    /// Cosine (dense) or BM25 (lexical); higher is better.
    pub score: f32,
}

/// Documents a search may return; `None` means all.
pub type DocumentSet = Option<Arc<HashSet<DocumentId>>>;

/// Counts of an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct IndexStats {
    /// Live points in the dense part and in the lexical part; equal after `flush`.
    pub dense_points: u64,
    pub lexical_points: u64,
    /// Dead rows compaction would free.
    pub tombstones: u64,
    pub disk_bytes: u64,
}

/// One index generation.
#[async_trait]
pub trait Index: Send + Sync {
    /// Adds or replaces points (at most 4096). Visible to searches after `flush`.
    async fn upsert(&self, points: Vec<Point>) -> Result<(), IndexError>;
    /// Removes every point of these documents. Durable and visible after `flush`.
    async fn delete_documents(&self, documents: &[DocumentId]) -> Result<(), IndexError>;
    /// Removes points. Durable and visible after `flush`.
    async fn delete_points(&self, points: &[ChunkId]) -> Result<(), IndexError>;
    /// Makes everything so far durable and visible.
    async fn flush(&self) -> Result<(), IndexError>;
    /// The `limit` (at most 4096) nearest points by cosine, best first, ties by id.
    async fn search_dense(
        &self,
        vector: &[f32],
        limit: usize,
        documents: &DocumentSet,
    ) -> Result<Vec<Scored>, IndexError>;
    /// The `limit` best points by BM25. Quoted phrases must match as phrases; `word*` is a prefix.
    /// A query without a single searchable word finds nothing. Never a syntax error.
    async fn search_lexical(
        &self,
        query: &str,
        limit: usize,
        documents: &DocumentSet,
    ) -> Result<Vec<Scored>, IndexError>;
    /// The words of a query as the index sees them, to mark them in a passage: byte spans in `text`.
    fn highlight(&self, query: &str, text: &str) -> Vec<std::ops::Range<usize>>;
    /// Stored vectors (as precise as the engine keeps them), in order; `None` where there is no point.
    async fn vectors(&self, points: &[ChunkId]) -> Result<Vec<Option<Vec<f32>>>, IndexError>;
    /// Every live point id with its document, ordered by id, after `after`, at most `limit`.
    async fn points(&self, after: Option<ChunkId>, limit: usize) -> Result<Vec<(ChunkId, DocumentId)>, IndexError>;
    async fn stats(&self) -> Result<IndexStats, IndexError>;
    /// Frees dead rows when there are enough of them to matter; searches and writes go on.
    /// Returns whether anything was done.
    async fn compact(&self) -> Result<bool, IndexError>;
    /// Gives back memory that is only needed for writing.
    async fn idle(&self) -> Result<(), IndexError>;
}

/// An engine holding many index generations.
#[async_trait]
pub trait IndexEngine: Send + Sync {
    /// Opens or creates a generation; repeated calls share one instance.
    /// [`IndexError::Mismatch`] when it exists with other dimensions.
    async fn open(&self, id: IndexId, dimensions: usize) -> Result<Arc<dyn Index>, IndexError>;
    /// Removes a generation for good; one that is not there is fine.
    async fn remove(&self, id: IndexId) -> Result<(), IndexError>;
    /// Generations present, at most 10,000.
    async fn list(&self) -> Result<Vec<IndexId>, IndexError>;
}

/// Opens the embedded engine in a folder.
///
/// # Errors
/// [`IndexError::Unavailable`] when the folder cannot be made or read.
pub fn open(folder: &Path) -> Result<Arc<dyn IndexEngine>, IndexError> {
    embedded::open(folder)
}
