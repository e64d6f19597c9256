//! One error for every use case: a code, a message that is safe to show, and what to do next.

use semantik_core::ErrorCode;
use semantik_index::IndexError;
use semantik_inference::InferenceError;
use semantik_ingest::IngestError;
use semantik_store::StoreError;

/// What can go wrong in a use case.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("{message}")]
    Invalid { message: String },
    #[error("{message}")]
    TooLarge { message: String },
    #[error("there is no {what}")]
    NotFound { what: String },
    #[error("{message}")]
    Conflict { message: String },
    #[error("the collection was made with model {made_with}, but {running} is running")]
    ModelMismatch { made_with: String, running: String },
    /// Refused with a code and advice of its own.
    #[error("{message}")]
    Refused { code: ErrorCode, message: String, hint: Option<String> },
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Inference(#[from] InferenceError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// A defect; details are in the log.
    #[error("internal error: {0}")]
    Internal(String),
}

impl AppError {
    /// A request that cannot be answered as it is.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into() }
    }

    /// The code clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid { .. } => ErrorCode::InvalidRequest,
            Self::TooLarge { .. } => ErrorCode::FileTooLarge,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::Conflict { .. } | Self::Cancelled => ErrorCode::InvalidState,
            Self::ModelMismatch { .. } => ErrorCode::ModelMismatch,
            Self::Refused { code, .. } => *code,
            Self::Store(error) => error.code(),
            Self::Index(error) => error.code(),
            Self::Inference(error) => error.code(),
            Self::Ingest(error) => error.code(),
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// After which time the same request may be answered, where that is known.
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Inference(InferenceError::Busy { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        if let Self::Refused { hint, .. } = self {
            return hint.clone();
        }
        let text = match self.code() {
            ErrorCode::DiskFull => "free space on the disk of the data folder; work goes on by itself",
            ErrorCode::DataFolderReadOnly => "make the data folder writable for the user that runs Semantik",
            ErrorCode::ModelNotFound => "run `semantik models pull`",
            ErrorCode::ModelMismatch => {
                "set back what differs (model, DEFAULT_QUANTIZATION, `semantik models prefixes`), or index into a new collection"
            }
            ErrorCode::ModelInvalid => "run `semantik models verify`, then `semantik models pull`",
            ErrorCode::EmbedderUnavailable => "check that the remote embedder runs; waiting work goes on by itself",
            ErrorCode::EmbedderRejected => "correct the EMBEDDING_ or RERANK_ settings and start again",
            ErrorCode::IndexCorrupt | ErrorCode::StoreCorrupt => "run `semantik doctor --consistency`",
            ErrorCode::SourceUnreadable => "check that the path exists and may be read by the user that runs Semantik",
            ErrorCode::NotFound => "list what exists with `semantik collections list` or `semantik documents list`",
            ErrorCode::Overloaded => "try again in a few seconds",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the surroundings are at fault, not the work: the job is handed back untouched and
    /// tried again when they are better.
    pub(crate) fn is_environment(&self) -> bool {
        matches!(
            self.code(),
            ErrorCode::DiskFull
                | ErrorCode::DataFolderReadOnly
                | ErrorCode::StoreUnavailable
                | ErrorCode::IndexUnavailable
                | ErrorCode::ModelNotFound
                | ErrorCode::ModelDownload
                | ErrorCode::EmbedderUnavailable
                | ErrorCode::EmbedderRejected
                | ErrorCode::Overloaded
        )
    }
}
