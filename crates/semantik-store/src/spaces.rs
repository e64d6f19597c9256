//! Stand-alone vector spaces: named sets of points whose vectors lie in an index of their own, and
//! whose ids, texts and payloads lie here.
//!
//! Invariants every engine keeps:
//! - A point's row is staged before its vector is indexed, and counts only once it is published: a
//!   stop in between leaves the point as it was before.
//! - Publishing a batch is one transaction, in which the rows it replaces are retired.
//! - A row that does not count is remembered until its vector is gone ([`Spaces::leftovers`]).
//! - What a call has returned for survives the loss of power.

use async_trait::async_trait;
use semantik_core::id::{ChunkId, IndexId};
use semantik_core::{Fingerprint, Timestamp};

use crate::StoreError;

/// A named space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Where its vectors lie; its identity.
    pub index: IndexId,
    pub name: String,
    /// What made its vectors; `None` when the caller brings them.
    pub model: Option<SpaceModel>,
    pub dimensions: usize,
    pub created_at: Timestamp,
}

/// The model whose vectors a space holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceModel {
    pub name: String,
    /// What its vectors have in common.
    pub made: Fingerprint,
}

/// What is kept of a point beside its vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpacePoint {
    /// Names this version of the point in the index.
    pub key: ChunkId,
    /// The caller's id, JSON text.
    pub id: String,
    pub text: String,
    /// JSON text; empty means none.
    pub payload: String,
}

/// The rows of every space.
#[async_trait]
pub trait Spaces: Send + Sync {
    /// Every space by name, at most 1000.
    async fn list(&self) -> Result<Vec<Space>, StoreError>;
    /// Makes a space.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] for a name that is taken.
    async fn create(&self, space: &Space) -> Result<(), StoreError>;
    /// Forgets a space with all its points.
    async fn remove(&self, space: IndexId) -> Result<(), StoreError>;
    /// Writes points that do not count yet.
    ///
    /// # Errors
    /// [`StoreError::InvalidState`] when the space is gone.
    async fn stage(&self, space: IndexId, points: &[SpacePoint]) -> Result<(), StoreError>;
    /// Makes every staged point count, instead of the one with the same id.
    async fn publish(&self, space: IndexId) -> Result<(), StoreError>;
    /// Makes points stop counting; how many there were.
    async fn retire(&self, space: IndexId, ids: &[String]) -> Result<u64, StoreError>;
    /// Points that do not count, at most `limit`.
    async fn leftovers(&self, space: IndexId, limit: usize) -> Result<Vec<ChunkId>, StoreError>;
    /// Forgets points that do not count.
    async fn forget(&self, space: IndexId, keys: &[ChunkId]) -> Result<(), StoreError>;
    /// Those of `keys` (at most 4096) that count, in any order.
    async fn points(&self, space: IndexId, keys: &[ChunkId]) -> Result<Vec<SpacePoint>, StoreError>;
    /// How many points count.
    async fn count(&self, space: IndexId) -> Result<u64, StoreError>;
}
