//! Typed identifiers. Ids are UUIDs: version 7 (RFC 9562) for things a person makes, version 5 for
//! things that must come out the same when a job runs twice.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new, time-ordered id.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

typed_id!(
    /// A person (or the local owner, [`UserId::LOCAL_OWNER`]).
    UserId,
    /// A named corpus.
    CollectionId,
    /// Where a collection's content comes from.
    SourceId,
    /// One file or message.
    DocumentId,
    /// An extraction and chunking result of a collection.
    DatasetId,
    /// A piece of a document's text.
    ChunkId,
    /// The vectors and postings of one dataset under one model.
    IndexId,
    /// One run the user asked for.
    OperationId,
    /// One unit of work on the queue.
    JobId,
);

impl UserId {
    /// User 0: the owner of a single-user installation.
    pub const LOCAL_OWNER: UserId = UserId(Uuid::nil());
}

/// Namespace of every version-5 id Semantik derives.
const NAMESPACE: Uuid = Uuid::from_u128(0x5e3a_171c_0000_5000_8000_7365_6d61_6e74);

impl ChunkId {
    /// The id of a chunk, and of its point in the index: the same passage of the same document cut by
    /// the same dataset gives the same id, so doing a job twice overwrites instead of duplicating, and
    /// a passage that survives a change of its document keeps its point.
    ///
    /// `context` is what stands above the passage, `repeat` how often the same passage came before in
    /// the document. The document is part of the name because two files may hold the same bytes and
    /// each must stay findable on its own (see `docs/adr/0002-point-ids.md`).
    pub fn derive(dataset: DatasetId, document: DocumentId, context: Option<&str>, text: &str, repeat: u32) -> Self {
        let context = context.unwrap_or_default();
        // The length keeps the two texts apart.
        let name = format!("{dataset}/{document}/{repeat}/{}/{context}{text}", context.len());
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_id_depends_on_every_part_and_on_nothing_else() {
        let (dataset, document) = (DatasetId::generate(), DocumentId::generate());
        let derive = |document, context, text, repeat| ChunkId::derive(dataset, document, context, text, repeat);
        let id = derive(document, Some("ab"), "c", 0);
        assert_eq!(id, derive(document, Some("ab"), "c", 0));
        assert_ne!(id, derive(document, Some("ab"), "c", 1));
        assert_ne!(id, derive(document, Some("a"), "bc", 0));
        assert_ne!(id, derive(DocumentId::generate(), Some("ab"), "c", 0));
        assert_ne!(id, ChunkId::derive(DatasetId::generate(), document, Some("ab"), "c", 0));
        assert_eq!(derive(document, None, "c", 0), derive(document, Some(""), "c", 0));
    }
}
