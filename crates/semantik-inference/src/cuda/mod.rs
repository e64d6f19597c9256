//! The engine for NVIDIA cards: the models of the CPU engine, over cublasLt and own kernels.
//!
//! CUDA's libraries are loaded when a card is asked for, never before: the program builds without
//! CUDA and starts without a card. `docs/gpu.md` says what is needed, and what has been measured.

mod decoder;
#[cfg(test)]
mod emulator;
mod encoder;
mod fault;
mod head;
mod kernels;
mod layer;
mod machine;
mod model;
mod numbers;
mod product;
mod scratch;
mod unit;
mod upload;
mod watch;
