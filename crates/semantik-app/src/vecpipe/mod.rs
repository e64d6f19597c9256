//! The model service: vectors and scores of texts, and vector spaces that stand alone.
//!
//! Invariants:
//! - It never opens the store of an [`crate::App`]; its files lie in `vecpipe/` of the data folder, so
//!   both may run beside each other.
//! - A space holds vectors of one model: name, hash of the weights, quantization and dimensions are
//!   kept with it, and others are refused.
//! - When a caller goes away, what it waited for is cancelled.
//!
//! Callers are other services; who may call is decided once, before any use case, by the one key.

mod embed;
mod in_flight;
mod models;
mod open;
mod rerank;
mod search;
mod service;
mod spaces;
mod upsert;
mod write;

pub use embed::{EmbedRequest, Embedded, TooLong};
pub use models::ModelSource;
pub use open::FOLDER;
pub use rerank::{RerankRequest, Reranked};
pub use search::{SpaceHit, SpaceHits, SpaceQuery};
pub use semantik_inference::local::ModelState;
pub use semantik_inference::{ModelInfo, Purpose};
pub use service::{Readiness, Settings, Vecpipe, VecpipeParts, VecpipeStatus};
pub use spaces::SpaceInfo;
pub use upsert::{NewPoint, PointId, UpsertRequest, Upserted};

/// Texts of one request.
pub const TEXTS: usize = 8192;
/// Points of one request.
pub const POINTS: usize = 4096;
/// Queries of one batch.
pub const QUERIES: usize = 100;
/// Results of one query.
pub const RESULTS: usize = 1000;

#[cfg(test)]
mod tests;
