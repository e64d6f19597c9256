//! Blobs: uploaded originals, archive members and extracted text, by key.

mod folder;

use async_trait::async_trait;

use crate::StoreError;

pub use folder::open_folder;

/// Bytes by key. Keys are lower-case letters, digits, `-`, `_`, `.` and `/`.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores whole or not at all (written aside, synced, renamed).
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError>;
    /// [`StoreError::NotFound`] when there is none.
    async fn get(&self, key: &str) -> Result<Vec<u8>, StoreError>;
    async fn exists(&self, key: &str) -> Result<bool, StoreError>;
    /// Deleting what is not there is fine.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}
