//! Metadata, the job queue, the change feed and blobs, behind traits every engine implements.
//!
//! Invariants every engine keeps (and `conformance/` checks):
//! - A [`Commit`] is one transaction: data, follow-up jobs and the end of the finished job appear
//!   together or not at all, and only while the lease token still holds.
//! - Counts are taken from rows; nothing is counted by hand.
//! - Every list has a limit; every read sees committed data only.
//!
//! This crate does not know what a job does, how text is cut or what a vector is.

pub mod blobs;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod jobs;
mod migrate;
mod records;
pub mod spaces;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use semantik_core::Clock;

pub use blobs::Blobs;
pub use error::StoreError;
pub use jobs::{Ended, JobOutcome, JobStore, LeaseState, QueueStats};
pub use migrate::{Direction, MigrationState, migrate, migration_status};
pub use records::{
    Change, ChunkRef, Commit, DocumentChange, DocumentFilter, DocumentPage, NewDocument, Records, ReplaceChunks,
};
pub use spaces::Spaces;

/// Everything the product remembers.
pub trait Store: Records + JobStore + Send + Sync {}
impl<T: Records + JobStore + Send + Sync> Store for T {}

/// Opens (and migrates) the store a `DATABASE_URL` names: `sqlite:<path>`.
///
/// # Errors
/// [`StoreError::Unavailable`] when the engine cannot be reached or the folder cannot be written.
pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    match url.strip_prefix("sqlite:") {
        Some(path) => sqlite::open(Path::new(path), clock).await,
        None => Err(StoreError::UnsupportedUrl),
    }
}

/// Opens (and migrates) the file of stand-alone vector spaces.
///
/// # Errors
/// As [`open`].
pub async fn open_spaces(path: &Path, clock: Arc<dyn Clock>) -> Result<Arc<dyn Spaces>, StoreError> {
    sqlite::open_spaces(path, clock).await
}
