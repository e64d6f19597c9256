//! The in-process engine: sentence encoders and rerankers on the CPU.

mod decoder;
pub(crate) mod encoder;
mod engine;
pub(crate) mod hash;
pub(crate) mod head;
mod lazy;
#[expect(dead_code, reason = "the query path and other families use the rest")]
mod linear;
mod loader;
mod mock;
pub(crate) mod model;
#[cfg_attr(not(test), expect(dead_code, reason = "other families use the rest"))]
pub(crate) mod ops;
pub(crate) mod rerank;
mod scratch;
pub(crate) mod settings;
mod shards;
pub(crate) mod tokens;
mod units;
pub(crate) mod weights;
mod wordpiece;
mod workers;

pub use engine::{LocalOptions, open_local, open_shortened};
pub use hash::weights_hash;
pub use lazy::LazyEmbedder;
pub use mock::MockEmbedder;
pub use rerank::open_reranker;
