//! What can go wrong in an index, by what a caller can do about it.

use semantik_core::ErrorCode;

/// An error of the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("the index holds vectors of {found} dimensions, not {expected}")]
    Mismatch { expected: usize, found: usize },
    #[error("a request to the index is invalid: {0}")]
    Invalid(String),
    #[error("the disk is full")]
    DiskFull,
    #[error("the index folder cannot be written")]
    ReadOnly,
    #[error("the index is unavailable: {0}")]
    Unavailable(String),
    /// Cannot be repaired in place: remove the generation and index again.
    #[error("the index is damaged: {0}")]
    Corrupt(String),
}

impl IndexError {
    /// The code clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Mismatch { .. } => ErrorCode::ModelMismatch,
            Self::Invalid(_) => ErrorCode::InvalidRequest,
            Self::DiskFull => ErrorCode::DiskFull,
            Self::ReadOnly => ErrorCode::DataFolderReadOnly,
            Self::Unavailable(_) => ErrorCode::IndexUnavailable,
            Self::Corrupt(_) => ErrorCode::IndexCorrupt,
        }
    }
}
