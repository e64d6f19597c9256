//! Chunks: spans of a document's text, sized in tokens of the index's model.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::collection::text_enum;
use crate::id::{ChunkId, CollectionId, DatasetId, DocumentId};

text_enum!(
    /// How text is cut.
    ChunkStrategy {
        Recursive = "recursive", Markdown = "markdown", Code = "code",
        Sentence = "sentence", Tokens = "tokens",
    }
);

/// Settings of a dataset's chunker. Sizes are tokens of the index's model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChunkSettings {
    #[serde(default = "ChunkSettings::default_strategy")]
    pub strategy: ChunkStrategy,
    /// Most tokens a chunk may have, 16-8192; bounded by the model's input length as well.
    #[serde(default = "ChunkSettings::default_max_tokens")]
    pub max_tokens: usize,
    /// Tokens repeated from the end of the chunk before, less than half of `max_tokens`.
    #[serde(default = "ChunkSettings::default_overlap_tokens")]
    pub overlap_tokens: usize,
}

impl ChunkSettings {
    fn default_strategy() -> ChunkStrategy {
        ChunkStrategy::Recursive
    }
    fn default_max_tokens() -> usize {
        200
    }
    fn default_overlap_tokens() -> usize {
        20
    }
}

impl Default for ChunkSettings {
    fn default() -> Self {
        Self {
            strategy: Self::default_strategy(),
            max_tokens: Self::default_max_tokens(),
            overlap_tokens: Self::default_overlap_tokens(),
        }
    }
}

/// A piece of a document's text. `text` is always exactly the document's text at `start..end`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Chunk {
    pub id: ChunkId,
    pub collection: CollectionId,
    pub dataset: DatasetId,
    pub document: DocumentId,
    /// 0-based position in the document.
    pub ordinal: u32,
    pub text: String,
    /// Byte span in the document's text.
    pub start: usize,
    pub end: usize,
    /// Bytes at the head of `text` that the chunk before already has.
    pub overlap: usize,
    /// First page the span touches, 1-based.
    pub page: Option<u32>,
    /// Headings above the span, outermost first, joined by ` > `.
    pub context: Option<String>,
    pub token_count: u32,
    /// Whether the point is durably in the index.
    pub indexed: bool,
}
