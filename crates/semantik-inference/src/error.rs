//! What can go wrong with a model, by what a caller can do about it.

use std::time::Duration;

use crate::ModelKind;
use semantik_core::ErrorCode;
use semantik_core::Timestamp;
use semantik_core::clock::rfc3339;

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
    #[error("the model is unavailable: {0}")]
    Unavailable(String),
    #[error("EMBEDDING_DEVICE asks for a GPU, but {0}; set EMBEDDING_DEVICE=cpu to go on without it")]
    NoGpu(String),
    #[error("too much waits to be embedded; try again in {} s", retry_after.as_secs())]
    Busy { retry_after: Duration },
    #[error("the remote model cannot be set up: {0}")]
    Settings(String),
    #[error("{host} refuses the key or the account: {why}; check {}_API_KEY", kind.settings())]
    Unauthorized { kind: ModelKind, host: String, why: String },
    #[error(
        "{host} has no model {model} at this address: {why}; check {} and {}_API_URL",
        kind.name_setting(),
        kind.settings()
    )]
    UnknownModel { kind: ModelKind, host: String, model: String, why: String },
    #[error(
        "model {model} at {host} gives vectors of {found} numbers, expected {expected}; set EMBEDDING_DIMENSIONS to {found}, or choose the model with {expected}"
    )]
    DimensionMismatch { host: String, model: String, found: usize, expected: usize },
    #[error("{host} computes {model} otherwise than before: {said}; set it back, or start Semantik again to use it")]
    OtherModel { host: String, model: String, said: String },
    /// `place` counts from 0.
    #[error("text {place} of the call is too long for {host}: {why}; shorten it, or allow truncation")]
    TooLong { host: String, place: usize, why: String },
    /// `place` counts from 0.
    #[error("{host} gives no vector for text {place} of the call: {why}; shorten or leave out the text")]
    BadVector { host: String, place: usize, why: String },
    #[error("{host} refuses the request: {why}")]
    Refused { host: String, why: String },
    #[error("{host} wants fewer requests; try again in {} s", retry_after.as_millis().div_ceil(1000))]
    RateLimited { host: String, retry_after: Duration },
    #[error("{host} does not answer as it should: {why}; check that it runs and {}_API_URL leads to it", kind.settings())]
    Unreachable { kind: ModelKind, host: String, why: String },
    #[error("{host} answers with something unusable: {why}; check that {}_PROVIDER names its protocol", kind.settings())]
    BadAnswer { kind: ModelKind, host: String, why: String },
    #[error(
        "{host} failed again and again since {} and is left alone until {}: {why}",
        rfc3339(*since),
        rfc3339(*until)
    )]
    CircuitOpen { host: String, since: Timestamp, until: Timestamp, why: String },
}

impl InferenceError {
    /// Whether the other side may be better in a while, with the same settings.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_)
                | Self::Busy { .. }
                | Self::RateLimited { .. }
                | Self::Unreachable { .. }
                | Self::CircuitOpen { .. }
        )
    }

    /// The code clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound { .. } | Self::Offline { .. } => ErrorCode::ModelNotFound,
            Self::Invalid { .. } | Self::HashMismatch { .. } => ErrorCode::ModelInvalid,
            Self::Download { .. } => ErrorCode::ModelDownload,
            Self::Cancelled => ErrorCode::InvalidState,
            Self::Unavailable(_) | Self::Busy { .. } | Self::RateLimited { .. } => ErrorCode::Overloaded,
            Self::Settings(_) | Self::NoGpu(_) => ErrorCode::InvalidConfig,
            Self::OtherModel { .. } => ErrorCode::ModelMismatch,
            Self::Unauthorized { .. } | Self::UnknownModel { .. } | Self::DimensionMismatch { .. } => {
                ErrorCode::EmbedderRejected
            }
            Self::TooLong { .. } | Self::BadVector { .. } | Self::Refused { .. } => ErrorCode::InvalidRequest,
            Self::Unreachable { .. } | Self::BadAnswer { .. } | Self::CircuitOpen { .. } => {
                ErrorCode::EmbedderUnavailable
            }
        }
    }
}
