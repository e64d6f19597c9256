//! Sources: listing what is there and reading it.

mod directory;
mod uri;

use std::path::PathBuf;

use semantik_core::Timestamp;
use semantik_core::source::DirectorySource;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use uri::{decode_path, encode_path};

use crate::IngestError;

/// A file as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// See `Document::uri`.
    pub uri: String,
    pub name: String,
    pub path: PathBuf,
    pub size: u64,
    pub modified_at: Option<Timestamp>,
}

/// How a listing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub files: u64,
    /// Folders and entries that could not be read; deletions are only believed when this is empty.
    pub unreadable: Vec<String>,
}

/// Walks a directory source and sends batches of at most 1,000 files in a stable order; blocks, so
/// run it on a blocking thread. Symbolic links are never followed out of the folder or in circles.
///
/// # Errors
/// [`IngestError::SourceUnreadable`] when the folder itself cannot be listed,
/// [`IngestError::Cancelled`] when `cancel` fires or the receiver is gone.
pub fn list_directory(
    source: &DirectorySource,
    batches: mpsc::Sender<Vec<Listed>>,
    cancel: &CancellationToken,
) -> Result<Listing, IngestError> {
    directory::list(source, &batches, cancel)
}

/// Checks path and patterns of a source before it is saved.
///
/// # Errors
/// [`IngestError::SourceUnreadable`] or [`IngestError::InvalidPattern`].
pub fn check_directory(source: &DirectorySource) -> Result<(), IngestError> {
    directory::check(source)
}
