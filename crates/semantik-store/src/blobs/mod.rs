//! Blobs: uploaded originals, archive members and extracted text, by key.

mod folder;

use std::path::Path;

use async_trait::async_trait;

use crate::StoreError;

pub use folder::open_folder;

/// Bytes by key. Keys are lower-case letters, digits, `-`, `_`, `.` and `/`.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores whole or not at all (written aside, synced, renamed).
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError>;
    /// Stores a file whole or not at all. The file is used up: it may be moved away.
    async fn put_file(&self, key: &str, file: &Path) -> Result<(), StoreError>;
    /// Makes a local file of a blob at `to`, where nothing may be; only to be read and removed.
    async fn get_file(&self, key: &str, to: &Path) -> Result<(), StoreError>;
    /// [`StoreError::NotFound`] when there is none.
    async fn get(&self, key: &str) -> Result<Vec<u8>, StoreError>;
    async fn exists(&self, key: &str) -> Result<bool, StoreError>;
    /// At most `limit` keys `folder/<name>` in order, after the name `after`.
    async fn list(&self, folder: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError>;
    /// Deleting what is not there is fine.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}
