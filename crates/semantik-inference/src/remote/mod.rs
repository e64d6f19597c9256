//! Models behind an HTTP API: servers that speak the protocol of OpenAI, Cohere,
//! text-embeddings-inference or Ollama.
//!
//! Invariants: a key never leaves [`semantik_core::Secret`] but in one header to one host; a vector
//! that is not whole is an error; every wait ends with its call. Knows nothing of documents.

mod address;
mod batches;
mod breaker;
mod complaint;
mod embedder;
mod exchange;
mod hints;
mod late;
mod limiter;
mod link;
mod open;
mod options;
mod reranker;
mod service;
mod tokens;
mod vectors;
mod wire;

pub use embedder::RemoteEmbedder;
pub use open::{open, open_reranker};
pub use options::{Patience, RemoteOptions, Scores, Truncation};
pub use reranker::RemoteReranker;
