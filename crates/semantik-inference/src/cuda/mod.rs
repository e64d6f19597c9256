//! The engine for NVIDIA cards: the models of the CPU engine, over cublasLt and own kernels.
//!
//! CUDA's libraries are loaded when a card is asked for, never before: the program builds without
//! CUDA and starts without a card. `docs/gpu.md` says what is needed, and what has been measured.

mod blas;
mod budget;
mod card;
mod compiler;
mod decoder;
#[cfg(test)]
mod emulator;
mod encoder;
mod engine;
mod family;
mod fault;
mod head;
mod kernels;
mod lanes;
mod layer;
mod machine;
mod model;
mod numbers;
mod place;
mod probe;
mod product;
mod scratch;
mod unit;
mod upload;
mod watch;

pub use engine::{Gpu, Runner, open, open_reranker};
pub(crate) use engine::{load_embedder, load_reranker, variant_of};
pub(crate) use family::Family;
pub use place::Place;
pub use probe::{Card, probe};
