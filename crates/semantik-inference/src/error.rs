//! What can go wrong with a model, by what a caller can do about it.

use semantik_core::ErrorCode;

/// An error of inference or of the model cache.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    #[error("model {name} is not in the model cache; run `semantik models pull {name}`")]
    NotFound { name: String },
    #[error("model folder {folder} cannot be used: {why}")]
    Invalid { folder: String, why: String },
    #[error("model {name} could not be downloaded: {why}")]
    Download { name: String, why: String },
    #[error(
        "HF_HUB_OFFLINE is set and model {name} is not in the model cache; unset it, or import a folder with `semantik models import`"
    )]
    Offline { name: String },
    #[error("{file} of model {name} has SHA-256 {found}, expected {expected}; remove it and pull again")]
    HashMismatch { name: String, file: String, expected: String, found: String },
    #[error("cancelled")]
    Cancelled,
    #[error("the embedder is unavailable: {0}")]
    Unavailable(String),
    #[error("too much waits to be embedded; try again in {} s", retry_after.as_secs())]
    Busy { retry_after: std::time::Duration },
}

impl InferenceError {
    /// The code clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } | Self::Offline { .. } => ErrorCode::ModelNotFound,
            Self::Invalid { .. } | Self::HashMismatch { .. } => ErrorCode::ModelInvalid,
            Self::Download { .. } => ErrorCode::ModelDownload,
            Self::Cancelled => ErrorCode::InvalidState,
            Self::Unavailable(_) | Self::Busy { .. } => ErrorCode::Overloaded,
        }
    }
}
