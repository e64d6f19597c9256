//! What a vector is known by: a SHA-256 over everything that decides its bits.
//!
//! SHA-256 is at hand, takes a microsecond or two for a passage that takes milliseconds to embed,
//! and nobody can make two texts that share a vector.

use semantik_core::Fingerprint;
use sha2::{Digest, Sha256};

use crate::{Embedder, ModelInfo, Purpose};

/// Raised when the meaning of a key changes.
const VERSION: &str = "embedding 2";

/// Model, purpose and text of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(pub [u8; 32]);

/// Makes the keys of one embedder; what all its texts share is hashed once.
pub(super) struct Keys {
    made: Fingerprint,
    variant: String,
    query: Sha256,
    passage: Sha256,
}

impl Keys {
    /// The keys of what `embedder` makes.
    pub fn of(embedder: &dyn Embedder) -> Self {
        Self {
            made: embedder.info().fingerprint(),
            variant: embedder.variant().to_owned(),
            query: begin(embedder, "query"),
            passage: begin(embedder, "passage"),
        }
    }

    /// Whether they are still those of what `embedder` makes. A model that a card refuses when it is
    /// loaded is computed on the processor from then on, and of a remote one the first answer tells more.
    pub fn are_of(&self, embedder: &dyn Embedder) -> bool {
        self.variant == embedder.variant() && self.made == embedder.info().fingerprint()
    }

    /// The key of a text's vector.
    pub fn key(&self, text: &str, purpose: Purpose) -> Key {
        let hasher = match purpose {
            Purpose::Query => &self.query,
            Purpose::Passage => &self.passage,
        };
        Key(hasher.clone().chain_update(text).finalize().into())
    }
}

impl Key {
    /// A short form that is as good as random.
    pub fn short(&self) -> u64 {
        let (first, _) = self.0.split_first_chunk().expect("a key is longer than 8 bytes");
        u64::from_le_bytes(*first)
    }
}

/// Each field with its length before it, so that two lists of fields are never the same bytes.
fn begin(embedder: &dyn Embedder, purpose: &str) -> Sha256 {
    let info = embedder.info();
    let numbers = format!("{} {}", info.dimensions, info.max_tokens);
    let ModelInfo { name, hash, recipe, .. } = info;
    let fields = [VERSION, name, hash, info.quantization.as_str(), recipe, &numbers, embedder.variant(), purpose];
    fields.iter().fold(Sha256::new(), |hasher, field| {
        hasher.chain_update((field.len() as u64).to_le_bytes()).chain_update(field)
    })
}
