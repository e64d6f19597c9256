//! Documents: listing, reading, uploading, retrying, deleting.

mod incoming;
mod read;
mod retry;
mod upload;

use semantik_core::document::{Document, DocumentStatus};
use semantik_core::id::DocumentId;
use semantik_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AppError;

pub use incoming::{Incoming, UploadFile};
pub use upload::{UPLOAD_FILES, Upload};

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DocumentQuery {
    #[serde(default)]
    pub status: Option<DocumentStatus>,
    /// Prefix of the document's URI.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// Continue after this one.
    #[serde(default)]
    pub cursor: Option<DocumentId>,
    /// 1-1000.
    pub limit: usize,
}

/// A page of documents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Documents {
    pub items: Vec<Document>,
    pub next_cursor: Option<DocumentId>,
}

/// Blob key of a document's extracted text.
pub(crate) fn text_key(id: DocumentId) -> String {
    format!("text/{id}")
}

/// Blob key of an original that is nowhere else: uploads and members of containers.
pub(crate) fn original_key(id: DocumentId) -> String {
    format!("original/{id}")
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a failing disk means.
pub(crate) fn io_error(error: std::io::Error) -> AppError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::DiskFull.into(),
        std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => StoreError::ReadOnly.into(),
        _ => StoreError::Unavailable(error.to_string()).into(),
    }
}
