//! The in-process engine: BERT-family sentence encoders on the CPU.

mod encoder;
mod engine;
mod hash;
mod kernels;
mod lazy;
mod mock;
mod settings;
mod tokens;
mod weights;
mod workers;

pub use engine::open_local;
pub use hash::weights_hash;
pub use lazy::LazyEmbedder;
pub use mock::MockEmbedder;
