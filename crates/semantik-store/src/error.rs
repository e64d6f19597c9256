//! What can go wrong in a store, by what a caller can do about it.

use semantik_core::ErrorCode;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what} does not exist")]
    NotFound { what: String },
    #[error("{what} already exists")]
    AlreadyExists { what: String },
    /// The lease ran out or the job was taken, cancelled or finished elsewhere; drop the work.
    #[error("the lease on job {job} is lost")]
    LeaseLost { job: semantik_core::id::JobId },
    #[error("{what} is {state}, which does not allow this")]
    InvalidState { what: String, state: String },
    #[error("no store engine for this database URL; use sqlite:<path>")]
    UnsupportedUrl,
    #[error("the disk is full")]
    DiskFull,
    #[error("the data folder cannot be written")]
    ReadOnly,
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// The code clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::AlreadyExists { .. } => ErrorCode::AlreadyExists,
            Self::LeaseLost { .. } | Self::InvalidState { .. } => ErrorCode::InvalidState,
            Self::UnsupportedUrl => ErrorCode::InvalidConfig,
            Self::DiskFull => ErrorCode::DiskFull,
            Self::ReadOnly => ErrorCode::DataFolderReadOnly,
            Self::Unavailable(_) => ErrorCode::StoreUnavailable,
            Self::Corrupt(_) => ErrorCode::StoreCorrupt,
        }
    }
}
