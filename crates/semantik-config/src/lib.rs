//! Everything an operator may set: one root, one section per concern, defaults in `Default` alone.
//!
//! Two stages: [`load::from_map`] reads texts, [`Config::check`] lists every problem at once.
//! `load.rs` is the only reader of the environment; tests hand in a map.

pub mod load;
mod section;

pub use load::{ConfigError, from_environment, from_map};
pub use section::{Config, Device, EmbeddingConfig, ExtractConfig, RerankConfig, ServerConfig, VecpipeConfig};
