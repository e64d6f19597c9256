//! HTTP of the model service (`semantik vecpipe`): its own routes, and those of servers whose clients
//! shall work unchanged.
//!
//! - Own routes answer errors as RFC 9457 problems; `/v1/` in the shape of OpenAI; a request in the
//!   shape of text-embeddings-inference (TEI) in its shape.
//! - With a key, every route but `/health` and `/readyz` needs it.
//! - Bodies, lists, waits and the memory of all bodies together have limits.

mod bodies;
mod dialect;
mod embed;
mod embed_tei;
mod health;
mod key;
mod made;
mod models;
mod openai;
mod rerank;
mod rerank_tei;
mod router;
mod spaces;
mod texts;

pub use router::{VecpipeOptions, metrics_router, vecpipe_router};

#[cfg(test)]
mod tests;
