//! One table of error codes: name, class, whether trying again can help.
//!
//! The API turns a class into an HTTP status (RFC 9457 problem), the binary into an exit code; each
//! code has a page `docs/errors/<code>.md`.

use serde::{Deserialize, Serialize};

/// What kind of answer an error is, whatever carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    Unsupported,
    Overloaded,
    Unavailable,
    Internal,
}

macro_rules! error_codes {
    ($($variant:ident $name:literal $class:ident $retryable:literal),+ $(,)?) => {
        /// Every error a client, an operator or a script can meet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode { $(#[serde(rename = $name)] $variant),+ }

        impl ErrorCode {
            /// All codes, in table order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant),+];

            /// The stable name, also the documentation page's name.
            pub fn name(self) -> &'static str {
                match self { $(ErrorCode::$variant => $name),+ }
            }

            /// The class, which decides status and exit code.
            pub fn class(self) -> ErrorClass {
                match self { $(ErrorCode::$variant => ErrorClass::$class),+ }
            }

            /// Whether the same request may succeed later without being changed.
            pub fn retryable(self) -> bool {
                match self { $(ErrorCode::$variant => $retryable),+ }
            }
        }
    };
}

error_codes!(
    InvalidRequest "invalid_request" Invalid false,
    InvalidConfig "invalid_config" Invalid false,
    RequestTooLarge "request_too_large" TooLarge false,
    Unauthenticated "unauthenticated" Unauthenticated false,
    Forbidden "forbidden" Forbidden false,
    NotFound "not_found" NotFound false,
    AlreadyExists "already_exists" Conflict false,
    InvalidState "invalid_state" Conflict false,
    DataFolderBusy "data_folder_busy" Conflict true,
    DataFolderReadOnly "data_folder_read_only" Unavailable false,
    DiskFull "disk_full" Unavailable true,
    StoreUnavailable "store_unavailable" Unavailable true,
    StoreCorrupt "store_corrupt" Internal false,
    IndexUnavailable "index_unavailable" Unavailable true,
    IndexCorrupt "index_corrupt" Internal false,
    ModelNotFound "model_not_found" Unavailable false,
    ModelInvalid "model_invalid" Invalid false,
    ModelDownload "model_download" Unavailable true,
    ModelMismatch "model_mismatch" Conflict false,
    EmbedderUnavailable "embedder_unavailable" Unavailable true,
    EmbedderRejected "embedder_rejected" Unavailable false,
    SourceUnreadable "source_unreadable" Invalid true,
    FileTooLarge "file_too_large" TooLarge false,
    UnsupportedFormat "unsupported_format" Unsupported false,
    DocumentBroken "document_broken" Invalid false,
    DocumentEncrypted "document_encrypted" Unsupported false,
    ArchiveBomb "archive_bomb" TooLarge false,
    ExtractTimeout "extract_timeout" TooLarge false,
    ExtractMemory "extract_memory" TooLarge false,
    ExtractCrashed "extract_crashed" Internal true,
    FileVanished "file_vanished" NotFound true,
    FileUnreadable "file_unreadable" Forbidden false,
    Overloaded "overloaded" Overloaded true,
    Internal "internal" Internal true,
);

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for ErrorCode {
    type Err = UnknownErrorCode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|c| c.name() == text).ok_or_else(|| UnknownErrorCode(text.to_owned()))
    }
}

/// A code name that is not in the table.
#[derive(Debug, thiserror::Error)]
#[error("unknown error code `{0}`")]
pub struct UnknownErrorCode(String);
