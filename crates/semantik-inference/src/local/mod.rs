//! The in-process engine: sentence encoders and rerankers on the CPU.

mod decoder;
mod encoder;
mod engine;
mod hands;
mod hash;
mod head;
mod isa;
mod linear;
mod loader;
mod mock;
mod model;
mod ops;
mod pool;
mod rerank;
mod resident;
mod scratch;
mod settings;
mod shards;
mod simd;
mod team;
mod tokens;
mod weights;
mod wordpiece;

pub use engine::{LocalOptions, open_local, open_shortened};
pub use hash::weights_hash;
pub use mock::{MockEmbedder, MockReranker};
pub use rerank::open_reranker;
pub use resident::{ModelState, Models, ModelsOptions, Residency};
