//! The model cache: which models there are, where they come from, whether they are whole.
//!
//! One folder per model, complete or absent: files are gathered beside it, verified, and the folder
//! is renamed into place.

mod cache;
mod catalogue;
mod digest;
mod fetch;
mod hub;
mod prefixes;
mod pull;
mod wheel;

pub(crate) use cache::MANIFEST;
pub use cache::{CachedModel, Manifest, ModelCache};
pub(crate) use catalogue::find;
pub use catalogue::{CATALOGUE, CatalogueEntry, DEFAULT_MODEL, ModelFile, ModelKind};
pub(crate) use digest::{hex, sha256_of};
pub use hub::HUB;
pub use prefixes::{PrefixRule, Prefixes};
pub(crate) use prefixes::{recipe, rule_for};
pub use pull::{PullEvent, PullOptions};
