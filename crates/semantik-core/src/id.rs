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
    /// The id of a chunk, and of its point in the index: the same document version cut by the same
    /// dataset gives the same id, so doing a job twice overwrites instead of duplicating.
    ///
    /// The document is part of the name because two files may hold the same bytes and each must
    /// stay findable on its own (see `docs/adr/0002-point-ids.md`).
    pub fn derive(dataset: DatasetId, document: DocumentId, content_hash: &str, ordinal: u32) -> Self {
        let name = format!("{dataset}/{document}/{content_hash}/{ordinal}");
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_id_depends_on_every_part_and_on_nothing_else() {
        let (dataset, document) = (DatasetId::generate(), DocumentId::generate());
        let id = ChunkId::derive(dataset, document, "abc", 0);
        assert_eq!(id, ChunkId::derive(dataset, document, "abc", 0));
        assert_ne!(id, ChunkId::derive(dataset, document, "abc", 1));
        assert_ne!(id, ChunkId::derive(dataset, document, "abd", 0));
        assert_ne!(id, ChunkId::derive(dataset, DocumentId::generate(), "abc", 0));
    }
}
