//! The in-process engine: BERT-family sentence encoders on the CPU.

mod encoder;
mod engine;
mod hash;
mod lazy;
#[expect(dead_code, reason = "the decoder and the query path use the rest")]
mod linear;
mod mock;
#[cfg_attr(not(test), expect(dead_code, reason = "the decoder uses the rest"))]
mod ops;
mod settings;
mod tokens;
mod weights;
mod wordpiece;
mod workers;

pub use engine::{LocalOptions, open_local};
pub use hash::weights_hash;
pub use lazy::LazyEmbedder;
pub use mock::MockEmbedder;
