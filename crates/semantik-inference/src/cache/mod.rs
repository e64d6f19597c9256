//! Vectors computed before, so that the same text is never embedded twice: on disk and in memory
//! for passages, in memory for queries.
//!
//! A hit has the bits of a computation. The cache is never the truth: whatever it cannot read,
//! write or believe is computed.

mod disk;
mod embedder;
mod flight;
mod key;
mod memory;
mod vectors;

use std::sync::Arc;

pub use embedder::CachedEmbedder;
pub use vectors::{CacheOptions, EmbeddingCache};

/// A vector that several owners read.
type Vector = Arc<[f32]>;
