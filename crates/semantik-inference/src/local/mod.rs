//! The in-process engine: sentence encoders and rerankers on the CPU.

mod decoder;
mod encoder;
mod engine;
mod hash;
mod head;
#[expect(dead_code, reason = "the query path and other families use the rest")]
mod linear;
mod loader;
mod mock;
mod model;
#[cfg_attr(not(test), expect(dead_code, reason = "other families use the rest"))]
mod ops;
mod pool;
mod rerank;
mod resident;
mod scratch;
mod settings;
mod shards;
mod tokens;
mod weights;
mod wordpiece;

pub use engine::{LocalOptions, open_local, open_shortened};
pub use hash::weights_hash;
pub use mock::{MockEmbedder, MockReranker};
pub use rerank::open_reranker;
pub use resident::{ModelState, Models, ModelsOptions, Residency};
