//! The model cache: which models there are, where they come from, whether they are whole.
//!
//! One folder per model, complete or absent: files are gathered beside it, verified, and the folder
//! is renamed into place.

mod cache;
mod catalogue;
mod digest;
mod hub;
mod pull;
mod wheel;

pub use cache::{CachedModel, Manifest, ModelCache};
pub use catalogue::{CATALOGUE, CatalogueEntry, DEFAULT_MODEL, ModelFile};
pub(crate) use digest::{hex, sha256_of};
pub use hub::HUB;
pub use pull::{PullEvent, PullOptions};
