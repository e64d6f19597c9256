//! The in-process engine: sentence encoders and rerankers on the CPU.

mod decoder;
mod encoder;
mod engine;
mod facts;
mod hands;
mod hash;
mod head;
mod isa;
mod linear;
mod loader;
mod mock;
mod model;
mod modern;
mod nomic;
mod ops;
mod pool;
mod relative;
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
pub use facts::{ModelFacts, facts};
pub use hash::weights_hash;
pub use mock::{MockEmbedder, MockReranker};
pub use rerank::open_reranker;
pub use resident::{ModelState, Models, ModelsOptions, Residency};
pub(crate) use settings::Shape;
pub use settings::{PoolingSource, PrefixSource};
pub(crate) use shards::{SHARDS, WEIGHTS, weight_files};
