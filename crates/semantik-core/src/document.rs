//! Documents: one file or message, its state, its pages and the blocks of its text.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::collection::text_enum;
use crate::id::{CollectionId, DocumentId, SourceId};
use crate::syntax::Syntax;
use crate::{ErrorCode, Timestamp};

text_enum!(
    /// Where a document stands. `Failed` and `Skipped` always come with a reason.
    DocumentStatus {
        Pending = "pending", Processing = "processing", Completed = "completed",
        Failed = "failed", Skipped = "skipped", Deleting = "deleting",
    }
);

text_enum!(
    /// Why a document or a page was left out on purpose.
    SkipReason {
        TooLarge = "too_large", UnsupportedFormat = "unsupported_format", Empty = "empty",
        NoText = "no_text", NoOcr = "no_ocr", Encrypted = "encrypted", NestedTooDeep = "nested_too_deep",
    }
);

/// The outcome of a document that is not (or not yet) searchable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// Something went wrong; `code` says what, `message` is one sentence with what to do.
    Failed {
        #[schema(value_type = String)]
        code: ErrorCode,
        message: String,
    },
    /// A rule left it out.
    Skipped { policy: SkipReason, message: String },
}

/// One file or message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    pub id: DocumentId,
    pub collection: CollectionId,
    pub source: SourceId,
    /// The container a member of an archive or an attachment came out of.
    pub parent: Option<DocumentId>,
    /// Unique inside the source: the path below the source's root with `/`, bytes that are not
    /// UTF-8 and `%` percent-encoded; members append `!/inner/name`.
    pub uri: String,
    /// Last component, for people.
    pub name: String,
    /// By content, not by name.
    pub mime: Option<String>,
    /// Bytes of the original.
    pub size: u64,
    /// Modification time of the original, where it has one.
    pub modified_at: Option<Timestamp>,
    /// SHA-256 of the original bytes, lower-case hex; the document's version. `None` until read.
    pub content_hash: Option<String>,
    pub status: DocumentStatus,
    pub reason: Option<Reason>,
    /// Present when the original has pages.
    pub pages: Vec<Page>,
    pub title: Option<String>,
    pub language: Option<String>,
    pub tags: Vec<String>,
    pub chunk_count: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

text_enum!(
    /// What became of a page.
    PageState { Text = "text", Ocr = "ocr", Failed = "failed", Skipped = "skipped" }
);

/// One page (or slide, or sheet) of a document: every page has a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// 1-based.
    pub number: u32,
    pub state: PageState,
    /// Why, for `failed` and `skipped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Byte span of the page in the document's text.
    pub start: usize,
    pub end: usize,
}

/// A heading found in the text; chunks below carry the path of headings as context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Heading {
    /// 1 is the outermost.
    pub level: u8,
    pub text: String,
    /// Byte offset in the document's text where the heading begins.
    pub start: usize,
}

text_enum!(
    /// What the text is, which decides how `auto` cuts it.
    TextKind { Plain = "plain", Markdown = "markdown", Code = "code", Table = "table" }
);

/// What extraction makes of a file: text with provenance. Kept as a blob, so that cutting it anew
/// never parses anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtractedText {
    pub mime: String,
    pub kind: TextKind,
    pub title: Option<String>,
    pub language: Option<String>,
    /// UTF-8, `\n` line ends. All offsets below are byte offsets into it.
    pub text: String,
    pub pages: Vec<Page>,
    pub headings: Vec<Heading>,
    /// Of code whose language is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syntax: Option<Syntax>,
}
