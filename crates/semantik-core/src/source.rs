//! Sources: where a collection's content comes from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;
use crate::id::{CollectionId, SourceId};

/// What a source reads, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceConfig {
    /// A folder on this machine, walked recursively.
    Directory(DirectorySource),
    /// Files sent to the server; their bytes are kept in the blob store.
    Upload,
}

/// Settings of a directory source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DirectorySource {
    /// Absolute path. Bytes that are not UTF-8 are percent-encoded like document URIs.
    pub path: String,
    /// Globs a file must match (any); empty means every file.
    #[serde(default)]
    pub include: Vec<String>,
    /// Globs that leave a file or folder out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Whether names beginning with a dot are read.
    #[serde(default)]
    pub hidden: bool,
}

impl SourceConfig {
    /// The stable name of the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            SourceConfig::Directory(_) => "directory",
            SourceConfig::Upload => "upload",
        }
    }

    /// What makes a source unique inside its collection.
    pub fn location(&self) -> &str {
        match self {
            SourceConfig::Directory(directory) => &directory.path,
            SourceConfig::Upload => "upload",
        }
    }
}

/// A source of a collection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    pub id: SourceId,
    pub collection: CollectionId,
    pub config: SourceConfig,
    /// When the last complete listing ended.
    pub last_scan_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
}
