//! The in-process engine: sentence encoders and rerankers on the CPU.

mod decoder;
mod encoder;
mod engine;
mod hash;
mod head;
mod isa;
mod lazy;
mod linear;
mod loader;
mod mock;
mod model;
mod ops;
mod rerank;
mod scratch;
mod settings;
mod shards;
mod simd;
mod tokens;
mod units;
mod weights;
mod wordpiece;
mod workers;

pub use engine::{LocalOptions, open_local, open_shortened};
pub use hash::weights_hash;
pub use lazy::LazyEmbedder;
pub use mock::MockEmbedder;
pub use rerank::open_reranker;
