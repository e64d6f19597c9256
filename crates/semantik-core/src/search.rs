//! Queries, filters, hits and their explanation.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;
use crate::collection::text_enum;
use crate::id::{ChunkId, CollectionId, DocumentId};

text_enum!(
    /// Which legs of the index answer.
    SearchMode { Dense = "dense", Lexical = "lexical", Hybrid = "hybrid" }
);

/// What a caller may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchRequest {
    /// 1-1000 characters.
    pub query: String,
    /// Ids or names; empty means all the caller may read. At most 10.
    #[serde(default)]
    pub collections: Vec<String>,
    #[serde(default = "SearchRequest::default_mode")]
    pub mode: SearchMode,
    /// Hits (or documents when grouped), 1-100.
    #[serde(default = "SearchRequest::default_limit")]
    pub limit: usize,
    /// Hits to leave out at the front, at most 1000.
    #[serde(default)]
    pub offset: usize,
    /// One entry per document, its best passages inside.
    #[serde(default)]
    pub group_by_document: bool,
    #[serde(default)]
    pub filter: Filter,
    /// Adds ranks, scores and times to each hit.
    #[serde(default)]
    pub explain: bool,
    /// Whether a cross-encoder reads the best candidates again; left out, it does where one is set.
    #[serde(default)]
    pub rerank: Option<bool>,
}

impl SearchRequest {
    fn default_mode() -> SearchMode {
        SearchMode::Hybrid
    }
    fn default_limit() -> usize {
        10
    }

    /// A request with defaults.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            collections: Vec::new(),
            mode: Self::default_mode(),
            limit: Self::default_limit(),
            offset: 0,
            group_by_document: false,
            filter: Filter::default(),
            explain: false,
            rerank: None,
        }
    }
}

/// Conditions on documents; all given ones must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    #[serde(default)]
    pub documents: Vec<DocumentId>,
    /// Prefix of the document's URI.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// MIME types; `text/*` means every subtype.
    #[serde(default)]
    pub mime: Vec<String>,
    /// Milliseconds since the epoch, inclusive.
    #[serde(default)]
    pub modified_after: Option<Timestamp>,
    /// Milliseconds since the epoch, exclusive.
    #[serde(default)]
    pub modified_before: Option<Timestamp>,
    /// Tags, all of them.
    #[serde(default)]
    pub tags: Vec<String>,
}

impl Filter {
    /// Whether every document passes.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }
}

/// The answer to a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchResponse {
    pub hits: Vec<Hit>,
    /// The mode that really answered: `lexical` when the embedder was down.
    pub mode: SearchMode,
    /// What the user should know, for example why a leg is missing.
    pub notices: Vec<String>,
    pub timing: Timing,
}

/// Milliseconds per stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timing {
    pub embed_ms: f64,
    pub filter_ms: f64,
    pub dense_ms: f64,
    pub lexical_ms: f64,
    #[serde(default)]
    pub rerank_ms: f64,
    pub fetch_ms: f64,
    pub total_ms: f64,
}

/// A passage found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hit {
    pub chunk: ChunkId,
    pub collection: CollectionId,
    pub document: DocumentId,
    pub uri: String,
    pub name: String,
    pub title: Option<String>,
    pub mime: Option<String>,
    /// SHA-256 of the document version the passage was cut from.
    pub content_hash: Option<String>,
    pub page: Option<u32>,
    pub context: Option<String>,
    /// Byte span in the document's text.
    pub start: usize,
    pub end: usize,
    pub text: String,
    /// Byte spans inside `text` to mark.
    pub highlights: Vec<Span>,
    /// Fused score, higher is better; only comparable inside one answer.
    pub score: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explain>,
    /// More passages of the same document, when grouped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub more: Vec<Hit>,
}

/// A byte span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// Why a hit stands where it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explain {
    pub dense: Option<Leg>,
    pub lexical: Option<Leg>,
    /// What the cross-encoder says, between 0 and 1, where it read the passage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f32>,
    /// How the legs were joined, for example `rrf(k=60)`.
    pub fusion: String,
}

/// Rank (1-based) and score in one leg.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Leg {
    pub rank: u32,
    /// Cosine for dense, BM25 for lexical.
    pub score: f32,
}
