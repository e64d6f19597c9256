//! Bytes become text: a pool of disposable child processes, their protocol, and the extractors that
//! run inside them.

mod archive;
mod child;
mod decode;
mod formats;
mod mail;
mod markup;
mod ocr;
mod office;
mod ooxml;
mod pdf;
mod pool;
mod process;
mod protocol;
mod sandbox;
mod sniff;
mod syntax;
mod text;
mod xml;

use std::path::PathBuf;

use semantik_core::document::{ExtractedText, SkipReason};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use child::run as run_child;
pub use pool::{ExtractorPool, PoolOptions};
pub use syntax::read as read_syntax;

use crate::IngestError;

/// What an extraction may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest original, bytes.
    pub file_bytes: u64,
    /// Largest text, and largest sum of a container's members, bytes.
    pub output_bytes: u64,
    /// Address space of a child, bytes.
    pub memory_bytes: u64,
    /// Seconds per document.
    pub seconds: u64,
    /// Members of one container.
    pub members: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 256 << 20,
            output_bytes: 256 << 20,
            memory_bytes: 1_536 << 20,
            seconds: 120,
            members: 10_000,
        }
    }
}

/// What to extract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The file to read: an original on disk or a blob.
    pub path: PathBuf,
    /// Its name, a weak hint where the content does not decide (`.md`, `.py`).
    pub name: String,
    /// How many containers it already came out of; members of the third level are skipped.
    pub depth: u8,
    /// Leaves out what is optional, the syntax of code: for a file that a parser died of.
    pub careful: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extracted {
    /// SHA-256 of the bytes that were really read, lower-case hex.
    pub content_hash: String,
    pub size: u64,
    pub mime: String,
    pub outcome: Outcome,
    /// Members of an archive or attachments of a message, as documents of their own.
    pub members: Vec<Member>,
}

/// Text, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Text(ExtractedText),
    Skipped { policy: SkipReason, message: String },
}

/// A file inside a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Path inside the container with `/`, encoded like a URI; unique in the container.
    pub name: String,
    pub bytes: Vec<u8>,
}

impl ExtractorPool {
    /// Extracts one document in a child; the child is killed when it breaks a limit or on cancel.
    ///
    /// # Errors
    /// Everything of [`IngestError`] that names a file's fault; the pool itself stays usable.
    pub async fn extract(&self, request: Request, cancel: &CancellationToken) -> Result<Extracted, IngestError> {
        self.run(request, cancel).await
    }
}
