//! Collections: making, reading, changing and deleting them.

mod create;
mod delete;
mod read;

use semantik_core::collection::{Collection, CollectionCounts};
use semantik_core::document::DocumentStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use create::check_tags;

/// A collection with its counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectionSummary {
    #[serde(flatten)]
    pub collection: Collection,
    pub counts: CollectionCounts,
    /// The model of the index search reads.
    pub model: String,
    pub dimensions: usize,
    pub formats: Vec<FormatCount>,
}

/// How many documents of a type are in a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FormatCount {
    pub status: DocumentStatus,
    pub mime: Option<String>,
    pub count: u64,
}

/// What a caller may change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectionPatch {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub tags: Option<Vec<String>>,
}
