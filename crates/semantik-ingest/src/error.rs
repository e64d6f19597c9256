//! What can go wrong between a file and its text, by what a caller can do about it.

use semantik_core::ErrorCode;

/// An error of ingestion.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("the source {location} cannot be read: {why}")]
    SourceUnreadable { location: String, why: String },
    #[error("the pattern `{pattern}` is not a valid glob: {why}")]
    InvalidPattern { pattern: String, why: String },
    #[error("the file vanished while it was read")]
    Vanished,
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    #[error("the file cannot be parsed: {0}")]
    Broken(String),
    #[error("the archive unpacks to more than the limits allow: {0}")]
    Bomb(String),
    #[error("extraction took longer than {seconds} s")]
    Timeout { seconds: u64 },
    #[error("extraction needed more than {mib} MiB of memory")]
    Memory { mib: u64 },
    #[error("the extractor process died: {0}")]
    Crashed(String),
    #[error("cancelled")]
    Cancelled,
}

impl IngestError {
    /// The code clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::SourceUnreadable { .. } => ErrorCode::SourceUnreadable,
            Self::InvalidPattern { .. } => ErrorCode::InvalidRequest,
            Self::Vanished => ErrorCode::FileVanished,
            Self::Unreadable(_) => ErrorCode::FileUnreadable,
            Self::Broken(_) => ErrorCode::DocumentBroken,
            Self::Bomb(_) => ErrorCode::ArchiveBomb,
            Self::Timeout { .. } => ErrorCode::ExtractTimeout,
            Self::Memory { .. } => ErrorCode::ExtractMemory,
            Self::Crashed(_) => ErrorCode::ExtractCrashed,
            Self::Cancelled => ErrorCode::InvalidState,
        }
    }
}
