//! Collection, dataset and index: what a corpus is, how it is cut, what is searched.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chunk::ChunkSettings;
use crate::id::{CollectionId, DatasetId, IndexId, UserId};
use crate::{Fingerprint, Timestamp};

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $name { $(#[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The stable name, as stored and sent.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| {
                    let known = Self::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", ");
                    format!("`{text}` is not one of {known}")
                })
            }
        }
    };
}
pub(crate) use text_enum;

text_enum!(
    /// Where a collection stands (requirements 2.3).
    CollectionStatus { Pending = "pending", Processing = "processing", Ready = "ready", Error = "error", Deleting = "deleting" }
);

text_enum!(
    /// Where an index generation stands.
    IndexStatus { Building = "building", Ready = "ready", Superseded = "superseded", Failed = "failed" }
);

text_enum!(
    /// The numbers a model computes with (requirements R149): exact, near-lossless at half the size,
    /// or fastest. Vectors of different quantization are never mixed.
    Quantization { Float32 = "float32", Float16 = "float16", Int8 = "int8" }
);

/// A named corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Collection {
    pub id: CollectionId,
    pub owner: UserId,
    /// Unique per owner, 1-255 characters.
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub status: CollectionStatus,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// How a collection's documents are extracted and cut. One per collection until somebody asks for more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Dataset {
    pub id: DatasetId,
    pub collection: CollectionId,
    pub name: String,
    pub chunking: ChunkSettings,
    pub created_at: Timestamp,
}

/// The vectors and postings of one dataset under one model: one generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Index {
    pub id: IndexId,
    pub dataset: DatasetId,
    pub collection: CollectionId,
    /// The model's catalogue name.
    pub model: String,
    /// SHA-256 of the model's weights; vectors of different models are never mixed.
    pub model_hash: String,
    /// What the model computed with.
    pub quantization: Quantization,
    /// How the model was used beside that ([`Fingerprint::recipe`]).
    pub recipe: String,
    /// Vector length.
    pub dimensions: usize,
    pub generation: u32,
    pub status: IndexStatus,
    pub created_at: Timestamp,
}

impl Index {
    /// What made its vectors.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint { hash: self.model_hash.clone(), quantization: self.quantization, recipe: self.recipe.clone() }
    }
}

/// What a caller may set when making a collection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewCollection {
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub chunking: ChunkSettings,
}

/// Counts of a collection, all taken from rows, none kept by hand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectionCounts {
    pub documents: u64,
    pub pending: u64,
    pub processing: u64,
    pub completed: u64,
    pub failed: u64,
    pub skipped: u64,
    pub chunks: u64,
    pub indexed_chunks: u64,
    /// Bytes of the original files.
    pub bytes: u64,
}
